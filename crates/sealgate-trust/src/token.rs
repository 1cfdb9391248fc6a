//! A root key wrapped by an AES key on a PKCS #11 token, from which that key cannot be taken: AES-256-GCM, inside
//! the token.
//! <https://docs.oasis-open.org/pkcs11/pkcs11-spec/v3.1/pkcs11-spec-v3.1.html>

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use parking_lot::{Mutex, MutexGuard};
use zeroize::Zeroizing;

use crate::error::Refusal;
use crate::key::RootKey;
use crate::pkcs11_uri::Pkcs11Uri;
use crate::sealed::Wrapped;
use crate::secrets::{Secrets, read_private};

const AAD: &[u8] = b"sealgate v1 root key";
const IV_SIZE: usize = 12;
const TAG_BITS: u64 = 128;
/// For a whole visit; a module may hang.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Modules once loaded stay loaded: some do not survive to be unloaded. The lock is held for a whole visit,
/// since the state of a module (initialized, logged in) is that of the whole process.
static MODULES: Mutex<BTreeMap<PathBuf, Pkcs11>> = Mutex::new(BTreeMap::new());

/// The client of one key.
pub(crate) struct Token {
    uri: Pkcs11Uri,
    secrets: Secrets,
    /// A PIN that was refused. It is not tried again, since a few tries lock a token.
    refused_pin: Mutex<Option<Zeroizing<String>>>,
}

/// What a visit is for.
enum Visit {
    Encrypt(RootKey, bool),
    Decrypt([u8; IV_SIZE], Vec<u8>),
}

impl Token {
    pub(crate) fn new(uri: &Pkcs11Uri, secrets: &Secrets) -> Token {
        Token {
            uri: uri.clone(),
            secrets: secrets.clone(),
            refused_pin: Mutex::default(),
        }
    }

    /// Wraps the root key; with `make_key` under a new key where there is none.
    pub(crate) async fn wrap(
        self: &std::sync::Arc<Self>,
        root: &RootKey,
        make_key: bool,
    ) -> Result<Wrapped, Refusal> {
        let (iv, sealed) = self
            .visit(Visit::Encrypt(root.duplicate(), make_key))
            .await?;
        Ok(Wrapped::AesGcm {
            iv: BASE64.encode(iv),
            key: BASE64.encode(&*sealed),
        })
    }

    pub(crate) async fn unwrap(
        self: &std::sync::Arc<Self>,
        wrapped: &Wrapped,
    ) -> Result<RootKey, Refusal> {
        let Wrapped::AesGcm { iv, key } = wrapped else {
            return Err(Refusal::refused("it was not wrapped by a token"));
        };
        let damaged = || Refusal::refused("the wrapped key is damaged");
        let iv = BASE64.decode(iv).ok().and_then(|iv| iv.try_into().ok());
        let key = BASE64.decode(key).map_err(|_| damaged())?;
        let visit = Visit::Decrypt(iv.ok_or_else(damaged)?, key);
        let (_, opened) = self.visit(visit).await?;
        RootKey::from_slice(&opened).ok_or_else(|| Refusal::refused("it is not a root key"))
    }

    /// Modules block, and may hang: each visit is on a thread of its own and waited for so long.
    async fn visit(
        self: &std::sync::Arc<Self>,
        visit: Visit,
    ) -> Result<([u8; IV_SIZE], Zeroizing<Vec<u8>>), Refusal> {
        let this = std::sync::Arc::clone(self);
        let visiting = tokio::task::spawn_blocking(move || this.visit_now(visit));
        match tokio::time::timeout(TIMEOUT, visiting).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err(Refusal::unreachable("the PKCS #11 module failed")),
            Err(_) => Err(Refusal::unreachable("the token does not answer in time")),
        }
    }

    /// From `C_Initialize` to `C_Finalize`: so a token that was pulled is missed at once, and one that is back is
    /// found again, whatever the module would remember.
    fn visit_now(&self, visit: Visit) -> Result<([u8; IV_SIZE], Zeroizing<Vec<u8>>), Refusal> {
        let Some(mut modules) = MODULES.try_lock_for(TIMEOUT) else {
            return Err(Refusal::unreachable(
                "an earlier call still waits for the token",
            ));
        };
        let module = load(&mut modules, &self.uri.module_path)?;
        let flags = CInitializeFlags::OS_LOCKING_OK;
        match module.initialize(CInitializeArgs::new(flags)) {
            // Left over from a visit that did not come to its end.
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(refused(&error)),
        }
        let done = self.with_module(&module, visit);
        let _ = module.finalize();
        done
    }

    fn with_module(
        &self,
        module: &Pkcs11,
        visit: Visit,
    ) -> Result<([u8; IV_SIZE], Zeroizing<Vec<u8>>), Refusal> {
        let slot = self.slot(module)?;
        let can_gcm = module
            .get_mechanism_list(slot)
            .map_err(|error| refused(&error))?
            .contains(&MechanismType::AES_GCM);
        if !can_gcm {
            return Err(Refusal::refused("the token does not know CKM_AES_GCM"));
        }
        let session = match visit {
            Visit::Encrypt(_, true) => module.open_rw_session(slot),
            _ => module.open_ro_session(slot),
        };
        let session = session.map_err(|error| refused(&error))?;
        self.log_in(&session)?;
        match visit {
            Visit::Encrypt(root, make_key) => {
                let key = match self.find(&session)? {
                    Some(key) => key,
                    None if make_key => self.generate(&session)?,
                    None => return Err(self.no_key()),
                };
                self.check(&session, key)?;
                let mut iv = [0; IV_SIZE];
                sealgate_crypto::random::fill(&mut iv).map_err(|error| {
                    Refusal::refused(format!("the system gives no random numbers: {error}"))
                })?;
                let sealed = {
                    let params = gcm(&mut iv)?;
                    session.encrypt(&Mechanism::AesGcm(params), key, root.expose())
                };
                Ok((iv, Zeroizing::new(sealed.map_err(|error| refused(&error))?)))
            }
            Visit::Decrypt(mut iv, sealed) => {
                let key = self.find(&session)?.ok_or_else(|| self.no_key())?;
                self.check(&session, key)?;
                let opened = {
                    let params = gcm(&mut iv)?;
                    session.decrypt(&Mechanism::AesGcm(params), key, &sealed)
                };
                let opened = opened.map_err(|error| match error {
                    Error::Pkcs11(
                        RvError::EncryptedDataInvalid
                        | RvError::EncryptedDataLenRange
                        | RvError::GeneralError
                        | RvError::FunctionFailed,
                        _,
                    ) => Refusal::refused("the root key was not wrapped by this key of the token"),
                    error => refused(&error),
                })?;
                Ok((iv, Zeroizing::new(opened)))
            }
        }
    }

    fn slot(&self, module: &Pkcs11) -> Result<Slot, Refusal> {
        let slots = module
            .get_slots_with_token()
            .map_err(|error| refused(&error))?;
        let mut found = None;
        for slot in slots {
            let Ok(info) = module.get_token_info(slot) else {
                continue;
            };
            let serial = self.uri.serial.as_deref();
            if info.token_initialized()
                && info.label() == self.uri.token
                && serial.is_none_or(|serial| info.serial_number() == serial)
                && found.replace(slot).is_some()
            {
                return Err(Refusal::refused(
                    "there are several tokens of that name: say which by its serial number",
                ));
            }
        }
        found.ok_or_else(|| Refusal::refused("there is no such token"))
    }

    fn log_in(&self, session: &Session) -> Result<(), Refusal> {
        let pin = match &self.uri.pin_source {
            Some(path) => read_private(path).map_err(|error| {
                Refusal::refused(format!(
                    "the PIN file {} cannot be used: {error}",
                    path.display()
                ))
            })?,
            None => self.secrets.require("pin")?,
        };
        let mut known = self.refused_pin.lock();
        if known.as_ref() == Some(&pin) {
            return Err(Refusal::refused(
                "its PIN is wrong, and is not tried again before it is another one",
            ));
        }
        match session.login(UserType::User, Some(&AuthPin::from(pin.as_str()))) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            Err(Error::Pkcs11(
                RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange,
                _,
            )) => {
                *known = Some(pin);
                Err(Refusal::refused("its PIN is wrong"))
            }
            Err(Error::Pkcs11(RvError::PinLocked, _)) => Err(Refusal::refused(
                "its PIN is locked after too many wrong ones",
            )),
            Err(error) => Err(refused(&error)),
        }
    }

    fn find(&self, session: &Session) -> Result<Option<ObjectHandle>, Refusal> {
        let found = session
            .find_objects(&[
                Attribute::Class(ObjectClass::SECRET_KEY),
                Attribute::KeyType(KeyType::AES),
                Attribute::Label(self.uri.object.as_bytes().to_vec()),
            ])
            .map_err(|error| refused(&error))?;
        match found.as_slice() {
            [] => Ok(None),
            [key] => Ok(Some(*key)),
            _ => Err(Refusal::refused(
                "the token has several AES keys of that name",
            )),
        }
    }

    fn no_key(&self) -> Refusal {
        Refusal::refused(format!(
            "the token has no AES key of the name {:?}",
            self.uri.object
        ))
    }

    /// A key that could be read out would be no better than a file.
    fn check(&self, session: &Session, key: ObjectHandle) -> Result<(), Refusal> {
        let wanted = [AttributeType::Sensitive, AttributeType::Extractable];
        let attributes = session
            .get_attributes(key, &wanted)
            .map_err(|error| refused(&error))?;
        if attributes.contains(&Attribute::Sensitive(true))
            && attributes.contains(&Attribute::Extractable(false))
        {
            return Ok(());
        }
        Err(Refusal::refused(
            "the key can be read out of the token: it must be sensitive and not extractable",
        ))
    }

    fn generate(&self, session: &Session) -> Result<ObjectHandle, Refusal> {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::ValueLen(32.into()),
            Attribute::Label(self.uri.object.as_bytes().to_vec()),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::Encrypt(true),
            Attribute::Decrypt(true),
        ];
        session
            .generate_key(&Mechanism::AesKeyGen, &template)
            .map_err(|error| refused(&error))
    }
}

fn load(
    modules: &mut MutexGuard<'_, BTreeMap<PathBuf, Pkcs11>>,
    path: &Path,
) -> Result<Pkcs11, Refusal> {
    if let Some(module) = modules.get(path) {
        return Ok(module.clone());
    }
    let module = Pkcs11::new(path).map_err(|error| {
        Refusal::refused(format!("the PKCS #11 module cannot be loaded: {error}"))
    })?;
    modules.insert(path.to_owned(), module.clone());
    Ok(module)
}

fn gcm(iv: &mut [u8; IV_SIZE]) -> Result<GcmParams<'_>, Refusal> {
    GcmParams::new(iv, AAD, TAG_BITS.into()).map_err(|error| refused(&error))
}

fn refused(error: &Error) -> Refusal {
    Refusal::refused(format!("the PKCS #11 module says: {error}"))
}
