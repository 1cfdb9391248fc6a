//! The root key as long as its holder lets us have it. Who needs a key asks for it each time; who keeps what
//! came from it is told at once when it is gone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use sealgate_seal::Key256;
use subtle::ConstantTimeEq;

use crate::error::{RootError, RootUnavailable};
use crate::holder::Holder;
use crate::key::{self, RootKey};
use crate::sealed::{self, SEALED_FILE, Sealed};
use crate::secrets::Secrets;
use crate::source::{KEY_FILE, Source};

/// Where the root key is, and how it is asked for.
#[derive(Clone)]
pub struct RootConfig {
    /// Who holds it; `None`: whoever the data folder says, and a key file in a new one.
    pub source: Option<Source>,
    /// Where PINs, passphrases and tokens come from.
    pub secrets: Secrets,
    /// How often a holder that may go away is asked again.
    pub lease: Lease,
    /// Whether a token may make the key that it wraps under, where there is none.
    pub make_wrapping_key: bool,
}

impl RootConfig {
    /// With this source, or what the data folder says, and defaults.
    #[must_use]
    pub fn new(source: Option<Source>, secrets: Secrets) -> RootConfig {
        RootConfig {
            source,
            secrets,
            lease: Lease::default(),
            make_wrapping_key: false,
        }
    }
}

/// For how long an answer of a holder counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// How often it is asked.
    pub interval: Duration,
    /// For how long it may be out of reach before the root counts as lost. A holder that refuses, and a token
    /// that is gone, are no matter of time.
    pub grace: Duration,
}

impl Default for Lease {
    fn default() -> Lease {
        Lease {
            interval: Duration::from_secs(10),
            grace: Duration::from_secs(30),
        }
    }
}

/// The root of trust. Cheap to clone.
#[derive(Clone)]
pub struct Root {
    inner: Arc<Inner>,
}

type OnLoss = Box<dyn Fn() + Send + Sync>;

struct Inner {
    held: RwLock<Result<Arc<RootKey>, RootUnavailable>>,
    on_loss: Mutex<Vec<OnLoss>>,
    data: PathBuf,
    lease: Lease,
    /// Held while the holder is asked or changed.
    holder: tokio::sync::Mutex<Current>,
}

/// Who holds the root key now.
struct Current {
    holder: Option<(Holder, Option<Sealed>)>,
    answered: Instant,
}

impl Root {
    /// A root key that is simply there.
    #[must_use]
    pub fn fixed(key: RootKey) -> Root {
        Root::with(key, None, PathBuf::new(), Lease::default())
    }

    fn with(
        key: RootKey,
        holder: Option<(Holder, Option<Sealed>)>,
        data: PathBuf,
        lease: Lease,
    ) -> Root {
        Root {
            inner: Arc::new(Inner {
                held: RwLock::new(Ok(Arc::new(key))),
                on_loss: Mutex::default(),
                data,
                lease,
                holder: tokio::sync::Mutex::new(Current {
                    holder,
                    answered: Instant::now(),
                }),
            }),
        }
    }

    /// Opens the root of a data folder; with `create`, which a first start gives, makes it where there is none.
    /// Nothing that is there is overwritten. For KMS and Vault roots the process must have installed a default
    /// crypto provider for rustls.
    ///
    /// # Errors
    /// If there is no root key afterwards; the text says which root was expected.
    pub async fn open(config: &RootConfig, data: &Path, create: bool) -> Result<Root, RootError> {
        let holder = |source| Holder::new(source, &config.secrets, config.make_wrapping_key, data);
        let key_file = data.join(KEY_FILE);
        if let Some(document) = Sealed::read(data)? {
            let there = document.source(data)?;
            // A configuration of the same kind says where the holder is now.
            let source = match &config.source {
                None => there,
                Some(configured) if configured.is_like(&there) && !is_default(configured, data) => {
                    configured.clone()
                }
                Some(configured) => {
                    return Err(RootError::Mismatch {
                        there: there.describe(),
                        configured: configured.describe(),
                    });
                }
            };
            let holder = holder(source)?;
            let key = holder.unwrap(&document, data).await?;
            if key_file.exists() {
                tracing::warn!(
                    file = %key_file.display(),
                    "an unwrapped root key is still there beside {SEALED_FILE}: run `sealgate root rewrap` again to \
                     finish what was interrupted"
                );
            }
            let holder = Some((holder, Some(document)));
            return Ok(Root::with(key, holder, data.to_owned(), config.lease));
        }
        let source = config.source.clone().unwrap_or(Source::File(None));
        if is_default(&source, data) {
            let key = RootKey::load_or_create(&key_file, create)?;
            let holder = Some((holder(Source::File(None))?, None));
            return Ok(Root::with(key, holder, data.to_owned(), config.lease));
        }
        if key_file.exists() {
            return Err(RootError::Mismatch {
                there: format!("the root key file {}", key_file.display()),
                configured: source.describe(),
            });
        }
        if !create {
            return Err(RootError::Missing {
                file: data.join(SEALED_FILE),
                root: source.describe(),
            });
        }
        let holder = holder(source)?;
        let key = holder.first_key().await?;
        let document = place(&holder, &key, data).await?;
        Ok(Root::with(
            key,
            Some((holder, document)),
            data.to_owned(),
            config.lease,
        ))
    }

    /// Puts a root key that was lost and found again (put together from shares) into a data folder, in the care
    /// of `to`. What the folder knows of its root key must fit.
    ///
    /// # Errors
    /// If it is not the root key of this folder, or cannot be put there.
    pub async fn restore(key: RootKey, to: &RootConfig, data: &Path) -> Result<Root, RootError> {
        if let Some(document) = Sealed::read(data)? {
            document
                .verify(&Source::File(None), &key, data)
                .map_err(|error| match error {
                    RootError::WrongKey {
                        found, expected, ..
                    } => RootError::WrongKey {
                        root: "what was put together".to_owned(),
                        found,
                        expected,
                    },
                    error => error,
                })?;
        } else if data.join(KEY_FILE).exists() {
            key::install(&data.join(KEY_FILE), &key)?;
        }
        let source = to.source.clone().unwrap_or(Source::File(None));
        let holder = Holder::new(source, &to.secrets, to.make_wrapping_key, data)?;
        let document = place(&holder, &key, data).await?;
        Ok(Root::with(
            key,
            Some((holder, document)),
            data.to_owned(),
            to.lease,
        ))
    }

    /// The root key. To be let go of soon: it stays in memory as long as anyone has it.
    ///
    /// # Errors
    /// If its holder does not give it now.
    pub fn key(&self) -> Result<Arc<RootKey>, RootUnavailable> {
        self.inner.held.read().clone()
    }

    /// The key for one purpose.
    ///
    /// # Errors
    /// If the holder of the root key does not give it now.
    pub fn derive(&self, purpose: &str) -> Result<Key256, RootUnavailable> {
        Ok(self.key()?.derive(purpose))
    }

    /// Has `forget` called whenever the root key is lost, after [`Root::key`] began to refuse: whoever keeps
    /// what was opened with it drops it there.
    pub fn on_loss(&self, forget: impl Fn() + Send + Sync + 'static) {
        self.inner.on_loss.lock().push(Box::new(forget));
    }

    /// Who holds the root key, in words.
    pub async fn describe(&self) -> String {
        let current = self.inner.holder.lock().await;
        match &current.holder {
            Some((holder, _)) => holder.source.describe(),
            None => "a root key in memory".to_owned(),
        }
    }

    /// What kind of holder it is, without names. Does not wait while the holder is being asked.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.inner.holder.try_lock() {
            Ok(current) => match &current.holder {
                Some((holder, _)) => holder.source.kind(),
                None => "in memory",
            },
            Err(_) => "its holder is being asked",
        }
    }

    /// Asks the holder again, if it is one that may go away, or the root is lost. The root is lost if it refuses, or has been out of
    /// reach for longer than the grace; it is back as soon as the holder gives it.
    ///
    /// # Errors
    /// What the holder said.
    pub async fn check(&self) -> Result<(), RootError> {
        let mut current = self.inner.holder.lock().await;
        let Some((holder, Some(document))) = &current.holder else {
            return Ok(());
        };
        if !holder.source.is_leased() && self.key().is_ok() {
            return Ok(());
        }
        let error = match holder.unwrap(document, &self.inner.data).await {
            Ok(key) => {
                current.answered = Instant::now();
                self.regain(key);
                return Ok(());
            }
            Err(error) => error,
        };
        let passing = matches!(error, RootError::Unreachable { .. });
        if passing && current.answered.elapsed() < self.inner.lease.grace {
            tracing::warn!(%error, "the root of trust is out of reach");
        } else {
            self.lose(&error.to_string());
        }
        Err(error)
    }

    /// Asks the holder again and again, for as long as the gateway runs.
    pub async fn watch(&self) {
        loop {
            tokio::time::sleep(self.inner.lease.interval).await;
            // What came of it was logged.
            let _ = self.check().await;
        }
    }

    /// Gives the root key into the care of `to`: only how it is wrapped changes. The new wrapping is read back
    /// before it takes the place of the old one, so that after a crash at any point one is there that opens;
    /// doing it again finishes it. Returns a key file outside of the data folder that is no longer needed.
    ///
    /// # Errors
    /// If the root key is not to be had, or not to be given to `to`.
    pub async fn rewrap(&self, to: &RootConfig) -> Result<Option<PathBuf>, RootError> {
        let mut current = self.inner.holder.lock().await;
        let Some((from, _)) = &current.holder else {
            return Err(RootError::Config {
                text: "memory".to_owned(),
                reason: "a root key in memory has no wrapping".to_owned(),
            });
        };
        let key = self.key()?;
        let data = &self.inner.data;
        let source = to.source.clone().ok_or_else(|| RootError::Config {
            text: String::new(),
            reason: "it must be said where the root key is to go".to_owned(),
        })?;
        let holder = Holder::new(source, &to.secrets, to.make_wrapping_key, data)?;
        let document = place(&holder, &key, data).await?;
        let left = from
            .source
            .key_file(data)
            .filter(|file| Some(file) != holder.source.key_file(data).as_ref() && file.exists());
        tracing::info!(
            from = from.source.describe(),
            to = holder.source.describe(),
            "the root key was rewrapped"
        );
        *current = Current {
            holder: Some((holder, document)),
            answered: Instant::now(),
        };
        Ok(left)
    }

    /// Lets go of the root key and of everything that came from it.
    pub fn lose(&self, reason: &str) {
        let lost = Err(RootUnavailable(reason.into()));
        let before = std::mem::replace(&mut *self.inner.held.write(), lost);
        for forget in self.inner.on_loss.lock().iter() {
            forget();
        }
        if before.is_ok() {
            tracing::error!(
                reason,
                "the root of trust is lost: no key is used until it is back"
            );
        }
    }

    fn regain(&self, key: RootKey) {
        let mut held = self.inner.held.write();
        if held.is_err() {
            *held = Ok(Arc::new(key));
            tracing::info!("the root of trust is back");
        }
    }
}

/// Whether it is the key file of the data folder, which needs no document beside it.
fn is_default(source: &Source, data: &Path) -> bool {
    source.key_file(data) == Some(data.join(KEY_FILE))
}

/// Gives a root key into the care of a holder, proves that it can be had back, and only then takes away how it
/// was kept before.
async fn place(holder: &Holder, key: &RootKey, data: &Path) -> Result<Option<Sealed>, RootError> {
    let key_file = data.join(KEY_FILE);
    if is_default(&holder.source, data) {
        key::install(&key_file, key)?;
        Sealed::retire(data)?;
        return Ok(None);
    }
    let wrapped = holder.wrap(key).await?;
    let document = Sealed::new(&holder.source, key, wrapped);
    document.prepare(data)?;
    holder.unwrap(&document, data).await?;
    Sealed::commit(data, data.join(SEALED_FILE).exists())?;
    if key_file.exists() {
        let there = RootKey::load_or_create(&key_file, false)?;
        if !bool::from(there.expose().ct_eq(key.expose())) {
            return Err(key::RootKeyError::Other(key_file).into());
        }
        sealed::remove(&key_file).map_err(|error| RootError::Io {
            file: key_file,
            error,
        })?;
        sealed::sync(data)?;
    }
    Ok(Some(document))
}
