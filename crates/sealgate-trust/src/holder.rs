//! The one who holds the root key, or wraps it: one of a closed set.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use subtle::ConstantTimeEq;

use crate::aws_kms::AwsKms;
use crate::error::{Refusal, RootError};
use crate::key::{self, RootKey};
use crate::passphrase;
use crate::sealed::{Sealed, Wrapped};
use crate::secrets::Secrets;
use crate::source::Source;
use crate::token::Token;
use crate::vault::Vault;

/// A holder that can be asked.
pub(crate) struct Holder {
    pub source: Source,
    way: Way,
}

/// How it is asked.
enum Way {
    File(PathBuf),
    Variable(Secrets, String),
    Credential(Secrets, String),
    Passphrase(Secrets),
    Token(Arc<Token>, bool),
    Kms(AwsKms),
    Vault(Vault),
}

impl Holder {
    /// The holder that `source` names; `make_wrapping_key` lets a token make the key that it wraps under.
    pub(crate) fn new(
        source: Source,
        secrets: &Secrets,
        make_wrapping_key: bool,
        data: &Path,
    ) -> Result<Holder, RootError> {
        let way = match &source {
            Source::File(_) => Way::File(source.key_file(data).unwrap_or_default()),
            Source::Env(name) => Way::Variable(secrets.clone(), name.clone()),
            Source::Credential(name) => Way::Credential(secrets.clone(), name.clone()),
            Source::Passphrase => Way::Passphrase(secrets.clone()),
            Source::Pkcs11(uri) => {
                Way::Token(Arc::new(Token::new(uri, secrets)), make_wrapping_key)
            }
            Source::Kms(kms) => Way::Kms(
                AwsKms::new(kms, secrets).map_err(|refusal| refusal.by(&source.describe()))?,
            ),
            Source::Vault(vault) => Way::Vault(
                Vault::new(vault, secrets).map_err(|refusal| refusal.by(&source.describe()))?,
            ),
        };
        Ok(Holder { source, way })
    }

    /// The root key that a first start begins with: that which the holder has, or a new one.
    pub(crate) async fn first_key(&self) -> Result<RootKey, RootError> {
        match &self.way {
            Way::File(path) => Ok(RootKey::load_or_create(path, true)?),
            Way::Variable(..) | Way::Credential(..) => {
                self.read().map_err(|refusal| self.says(refusal))
            }
            _ => Ok(RootKey::generate()?),
        }
    }

    /// Has the root key wrapped. Who holds keys and does not wrap must hold this one already; a file is made.
    pub(crate) async fn wrap(&self, root: &RootKey) -> Result<Option<Wrapped>, RootError> {
        let wrapped = match &self.way {
            Way::File(path) => {
                key::install(path, root)?;
                return Ok(None);
            }
            Way::Variable(..) | Way::Credential(..) => {
                let held = self.read().map_err(|refusal| self.says(refusal))?;
                if !bool::from(held.expose().ct_eq(root.expose())) {
                    return Err(RootError::WrongKey {
                        root: self.source.describe(),
                        found: held.id(),
                        expected: root.id(),
                    });
                }
                return Ok(None);
            }
            Way::Passphrase(secrets) => {
                let (secrets, root) = (secrets.clone(), root.duplicate());
                working(move || passphrase::wrap(&secrets, &root)).await
            }
            Way::Token(token, make_key) => token.wrap(root, *make_key).await,
            Way::Kms(kms) => kms.wrap(root).await,
            Way::Vault(vault) => vault.wrap(root).await,
        };
        wrapped.map(Some).map_err(|refusal| self.says(refusal))
    }

    /// Asks for the root key that the document is about.
    pub(crate) async fn unwrap(
        &self,
        document: &Sealed,
        data: &Path,
    ) -> Result<RootKey, RootError> {
        let key = match (&self.way, &document.wrapped) {
            (Way::File(path), _) => {
                return self.verified(RootKey::load_or_create(path, false)?, document, data);
            }
            (Way::Variable(..) | Way::Credential(..), _) => self.read(),
            (_, None) => Err(Refusal::refused("the document has no wrapped key")),
            (Way::Passphrase(secrets), Some(wrapped)) => {
                let (secrets, wrapped) = (secrets.clone(), wrapped.clone());
                working(move || passphrase::unwrap(&secrets, &wrapped)).await
            }
            (Way::Token(token, _), Some(wrapped)) => token.unwrap(wrapped).await,
            (Way::Kms(kms), Some(wrapped)) => kms.unwrap(wrapped, &document.root_key_id).await,
            (Way::Vault(vault), Some(wrapped)) => vault.unwrap(wrapped).await,
        };
        self.verified(key.map_err(|refusal| self.says(refusal))?, document, data)
    }

    fn verified(&self, key: RootKey, document: &Sealed, data: &Path) -> Result<RootKey, RootError> {
        document.verify(&self.source, &key, data)?;
        Ok(key)
    }

    fn says(&self, refusal: Refusal) -> RootError {
        refusal.by(&self.source.describe())
    }

    /// The key of a variable or a credential.
    fn read(&self) -> Result<RootKey, Refusal> {
        let text = match &self.way {
            Way::Variable(secrets, name) => secrets.variable(name),
            Way::Credential(secrets, name) => secrets.credential(name)?,
            _ => None,
        };
        let text = text.ok_or_else(|| Refusal::refused("it is not there"))?;
        RootKey::from_text(text.trim())
            .ok_or_else(|| Refusal::refused("it must be 32 bytes as 64 hex digits or in base64"))
    }
}

/// Argon2id takes its time, and a person at a terminal even more.
async fn working<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(Refusal::refused("it could not be worked out")))
}
