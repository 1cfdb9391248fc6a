//! A root key under a passphrase: Argon2id makes a key of it, which wraps the root key.
//! <https://www.rfc-editor.org/rfc/rfc9106>

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sealgate_crypto::APPROVED_ONLY;
use sealgate_seal::{Key256, wrap};
use zeroize::Zeroizing;

use crate::error::Refusal;
use crate::key::RootKey;
use crate::sealed::Wrapped;
use crate::secrets::Secrets;

const PURPOSE: &str = "root key under a passphrase";
/// The second recommended option of RFC 9106, section 4: 64 MiB, three passes, four lanes.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 4;
const SALT_SIZE: usize = 16;
/// More than this is no document of ours, and would stall the start.
const MAX_MEMORY_KIB: u32 = 4 * 1024 * 1024;
const MAX_PASSES: u32 = 64;
const MAX_LANES: u32 = 64;
/// A new passphrase has at least so many characters.
const MIN_LENGTH: usize = 12;

/// Wraps the root key under the passphrase.
pub(crate) fn wrap(secrets: &Secrets, root: &RootKey) -> Result<Wrapped, Refusal> {
    let passphrase = secrets.passphrase()?;
    if passphrase.chars().count() < MIN_LENGTH {
        return Err(Refusal::refused(format!(
            "a passphrase of at least {MIN_LENGTH} characters is needed"
        )));
    }
    let mut salt = [0; SALT_SIZE];
    sealgate_crypto::random::fill(&mut salt).map_err(|error| {
        Refusal::refused(format!("the system gives no random numbers: {error}"))
    })?;
    let kek = derive(&passphrase, &salt, (MEMORY_KIB, PASSES, LANES))?;
    Ok(Wrapped::Argon2id {
        memory_kib: MEMORY_KIB,
        passes: PASSES,
        lanes: LANES,
        salt: BASE64.encode(salt),
        key: BASE64.encode(wrap::wrap(&kek, PURPOSE, b"", root.expose())),
    })
}

/// Unwraps it.
pub(crate) fn unwrap(secrets: &Secrets, wrapped: &Wrapped) -> Result<RootKey, Refusal> {
    let Wrapped::Argon2id {
        memory_kib,
        passes,
        lanes,
        salt,
        key,
    } = wrapped
    else {
        return Err(Refusal::refused("it was not wrapped under a passphrase"));
    };
    if *memory_kib > MAX_MEMORY_KIB || *passes > MAX_PASSES || *lanes > MAX_LANES {
        return Err(Refusal::refused("the costs of Argon2id are out of bounds"));
    }
    let damaged = |_| Refusal::refused("the wrapped key is not base64");
    let (salt, key) = (
        BASE64.decode(salt).map_err(damaged)?,
        BASE64.decode(key).map_err(damaged)?,
    );
    let passphrase = secrets.passphrase()?;
    let kek = derive(&passphrase, &salt, (*memory_kib, *passes, *lanes))?;
    let opened = wrap::unwrap(&kek, PURPOSE, b"", &key)
        .map_err(|_| Refusal::refused("the passphrase is wrong"))?;
    RootKey::from_slice(&opened).ok_or_else(|| Refusal::refused("it is not a root key"))
}

fn derive(
    passphrase: &str,
    salt: &[u8],
    (memory_kib, passes, lanes): (u32, u32, u32),
) -> Result<Key256, Refusal> {
    if APPROVED_ONLY {
        return Err(Refusal::refused(
            "this is a FIPS build, and Argon2id is not approved: choose another root of trust",
        ));
    }
    let failed = |error| Refusal::refused(format!("Argon2id does not take this: {error}"));
    let params = Params::new(memory_kib, passes, lanes, Some(32)).map_err(failed)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice())
        .map_err(failed)?;
    Ok(Key256::from_bytes(*key))
}
