//! The KMS: keys, policies, aliases, envelope encryption, the root of trust.
//!
//! Every operation takes a [`Call`], asks the policies itself, and leaves exactly one event in the audit
//! trail before it answers, refused or not. Key material is in the index only sealed under the root key ([`Root`]),
//! and in memory only while it is in use. Nothing here knows HTTP or JSON requests.
//!
//! - `arn`, `key`, `kind`, `types`: how keys are named, kept and shown, and what kinds there are
//! - `asymmetric`: key pairs
//! - `access`, `grants`: who may do what
//! - `attempt`: what the trail is told
//! - `ops`: the operations
//! - `key_store`: external key stores, and ciphertexts under both keys
//! - `lifecycle`, `import`, `usage`: rotation and expiry; imported material; last uses
//! - `material`, `ciphertext`, `platform`: where secrets are

mod access;
mod approved;
mod arn;
mod asymmetric;
mod attempt;
mod ciphertext;
mod context;
mod error;
mod grants;
mod import;
mod key;
mod key_store;
mod kind;
mod kms;
mod lifecycle;
mod material;
mod operation;
mod ops;
mod outcomes;
mod paging;
mod platform;
mod store;
mod types;
mod usage;

pub use ciphertext::material_version;
pub use context::EncryptionContext;
pub use error::KmsError;
pub use grants::{
    CreateGrantRequest, CreatedGrant, GrantConstraint, GrantConstraints, GrantListEntry,
    GrantOperation, ListGrantsRequest, RetireGrantRequest,
};
pub use import::{ImportKeyMaterialRequest, ImportParameters, ImportedKeyMaterial};
pub use key::{KeyManager, KeyState};
pub use key_store::{
    CloudHsmSettings, ConnectionErrorCode, ConnectionState, CreateCustomKeyStoreRequest,
    CustomKeyStore, ExternalKey, ExternalKeyStores, KeyStoreFault, UpdateCustomKeyStoreRequest,
    XksProxyCredential, XksProxySettings,
};
pub use kind::{
    Algorithms, EncryptionAlgorithm, ExpirationModel, ImportState, ImportType, IncludeKeyMaterial,
    KeyAgreementAlgorithm, KeyMaterialState, KeySpec, KeyUsage, MacAlgorithm, MessageType, Origin,
    RotationType, SigningAlgorithm, WrappingAlgorithm, WrappingKeySpec,
};
pub use kms::{Kms, KmsOptions};
pub use ops::agree::{DeriveSharedSecretRequest, SharedSecret};
pub use ops::cached_use::CachedUse;
pub use ops::data_key_pair::DataKeyPair;
pub use ops::key_stores::FindKeyStores;
pub use ops::mac::{GeneratedMac, MacRequest, VerifiedMac};
pub use ops::public_key::PublicKey;
pub use ops::sign::{SignRequest, Signed, Verified};
pub use ops::summaries::{KeyQuery, KeySummaries, KeySummary};
pub use sealgate_trust::{Root, RootKey, RootUnavailable};
pub use types::*;
