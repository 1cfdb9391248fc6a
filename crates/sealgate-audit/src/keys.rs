//! The keys that the trail signs with: Ed25519 for its heads, RSA for the digest files that are delivered
//! as CloudTrail delivers them. Each is made at its first use and kept sealed in the index.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ED25519, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_crypto::hash::{Digest, Sha256};
use sealgate_index::{Expect, Index, IndexError, RecordWrite};
use sealgate_seal::Key256;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use crate::error::AuditError;

const NAMESPACE: &str = "audit/key";
const HEAD: &str = "head";
const DIGEST: &str = "digest";
/// What the keys are sealed for.
const PURPOSE: &str = "audit signing key";
/// Bytes of the SHA-256 that name a key of digests.
const FINGERPRINT: usize = 16;

/// A signing key in the index.
#[derive(Serialize, Deserialize)]
struct KeyRecord {
    /// Base 64 of the public key.
    public: String,
    /// Base 64 of the sealed private key (PKCS #8).
    sealed: String,
    #[serde(with = "time::serde::timestamp")]
    created: OffsetDateTime,
}

/// The public key that heads are verified with. Its text form is 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadPublicKey([u8; 32]);

impl std::fmt::Display for HeadPublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl std::str::FromStr for HeadPublicKey {
    type Err = AuditError;

    fn from_str(text: &str) -> Result<HeadPublicKey, AuditError> {
        let mut key = [0; 32];
        hex::decode_to_slice(text.trim(), &mut key).map_err(|_| AuditError::NotAPublicKey)?;
        Ok(HeadPublicKey(key))
    }
}

impl HeadPublicKey {
    /// The key that this index says its heads are signed with. Who can write the index can change that,
    /// so an auditor brings a copy that was noted elsewhere.
    ///
    /// # Errors
    /// If the index fails or the record is damaged.
    pub async fn of_index(index: &Index) -> Result<Option<HeadPublicKey>, AuditError> {
        let Some(record) = load(index, HEAD).await? else {
            return Ok(None);
        };
        let bytes = decode(&record.public)?;
        Ok(Some(HeadPublicKey(
            bytes.as_slice().try_into().map_err(|_| damaged())?,
        )))
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0)
            .verify(message, signature)
            .is_ok()
    }
}

/// A public key of digest files, as ListPublicKeys gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestPublicKey {
    /// PKCS #1, DER.
    pub der: Vec<u8>,
    /// `digestPublicKeyFingerprint` of the digests it verifies.
    pub fingerprint: String,
    /// Since when it signs.
    pub created: OffsetDateTime,
}

/// Signs digest files.
pub(crate) struct DigestSigner {
    pair: RsaKeyPair,
    pub(crate) public: DigestPublicKey,
}

impl DigestSigner {
    /// PKCS #1 v1.5 with SHA-256, in hexadecimal digits.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<String, AuditError> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message,
                &mut signature,
            )
            .map_err(|_| AuditError::Signing)?;
        Ok(hex::encode(signature))
    }
}

/// The keys, opened when they are first needed.
pub(crate) struct Keys {
    index: Index,
    sealing: Key256,
    head: OnceCell<Ed25519KeyPair>,
    digest: OnceCell<DigestSigner>,
}

impl Keys {
    pub(crate) fn new(index: Index, sealing: Key256) -> Keys {
        Keys {
            index,
            sealing,
            head: OnceCell::new(),
            digest: OnceCell::new(),
        }
    }

    pub(crate) async fn head(&self) -> Result<&Ed25519KeyPair, AuditError> {
        self.head
            .get_or_try_init(|| async {
                let (private, _) = self.open(HEAD, make_head_key).await?;
                Ed25519KeyPair::from_pkcs8(&private).map_err(|_| damaged())
            })
            .await
    }

    pub(crate) async fn head_public(&self) -> Result<HeadPublicKey, AuditError> {
        let key = self.head().await?.public_key().as_ref();
        Ok(HeadPublicKey(key.try_into().map_err(|_| damaged())?))
    }

    pub(crate) async fn digest(&self) -> Result<&DigestSigner, AuditError> {
        self.digest
            .get_or_try_init(|| async {
                let (private, created) = self.open(DIGEST, make_digest_key).await?;
                let pair = RsaKeyPair::from_pkcs8(&private).map_err(|_| damaged())?;
                let der = pair.public_key().as_ref().to_vec();
                let public = DigestPublicKey {
                    fingerprint: fingerprint(&der),
                    der,
                    created,
                };
                Ok(DigestSigner { pair, public })
            })
            .await
    }

    /// The private key of that name and when it was made; makes it if there is none.
    async fn open(
        &self,
        name: &str,
        make: fn() -> Result<NewKey, AuditError>,
    ) -> Result<(Zeroizing<Vec<u8>>, OffsetDateTime), AuditError> {
        loop {
            if let Some(record) = load(&self.index, name).await? {
                let sealed = decode(&record.sealed)?;
                let private =
                    sealgate_seal::wrap::unwrap(&self.sealing, PURPOSE, name.as_bytes(), &sealed)
                        .map_err(|_| AuditError::KeyNotOpened)?;
                return Ok((private, record.created));
            }
            // An RSA key takes a good part of a second of work.
            let NewKey { private, public } = tokio::task::spawn_blocking(make)
                .await
                .map_err(|_| AuditError::Signing)??;
            let record = KeyRecord {
                public: STANDARD.encode(public),
                sealed: STANDARD.encode(sealgate_seal::wrap::wrap(
                    &self.sealing,
                    PURPOSE,
                    name.as_bytes(),
                    &private,
                )),
                created: OffsetDateTime::now_utc(),
            };
            let write = RecordWrite {
                ns: NAMESPACE.to_owned(),
                id: name.to_owned(),
                expect: Expect::Absent,
                body: Some(serde_json::to_vec(&record).map_err(|_| damaged())?.into()),
            };
            match self.index.write_records(vec![write]).await {
                // Made by somebody else meanwhile: that one counts.
                Ok(()) | Err(IndexError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The public keys of digest files that the index has.
pub(crate) async fn digest_public_key(
    index: &Index,
) -> Result<Option<DigestPublicKey>, AuditError> {
    let Some(record) = load(index, DIGEST).await? else {
        return Ok(None);
    };
    let der = decode(&record.public)?;
    Ok(Some(DigestPublicKey {
        fingerprint: fingerprint(&der),
        der,
        created: record.created,
    }))
}

/// A key that was just made.
struct NewKey {
    /// PKCS #8.
    private: Zeroizing<Vec<u8>>,
    public: Vec<u8>,
}

fn make_head_key() -> Result<NewKey, AuditError> {
    let private =
        Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| AuditError::Signing)?;
    let private = Zeroizing::new(private.as_ref().to_vec());
    let pair = Ed25519KeyPair::from_pkcs8(&private).map_err(|_| AuditError::Signing)?;
    let public = pair.public_key().as_ref().to_vec();
    Ok(NewKey { private, public })
}

fn make_digest_key() -> Result<NewKey, AuditError> {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| AuditError::Signing)?;
    let private: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| AuditError::Signing)?;
    let public = pair.public_key().as_ref().to_vec();
    let private = Zeroizing::new(private.as_ref().to_vec());
    Ok(NewKey { private, public })
}

fn fingerprint(der: &[u8]) -> String {
    let digest = hex::encode(Sha256::digest(der));
    digest.get(..2 * FINGERPRINT).unwrap_or_default().to_owned()
}

async fn load(index: &Index, name: &str) -> Result<Option<KeyRecord>, AuditError> {
    index
        .record(NAMESPACE, name)
        .await?
        .map(|record| serde_json::from_slice(&record.body).map_err(|_| damaged()))
        .transpose()
}

fn decode(text: &str) -> Result<Vec<u8>, AuditError> {
    STANDARD.decode(text).map_err(|_| damaged())
}

fn damaged() -> AuditError {
    AuditError::Damaged("a signing key")
}
