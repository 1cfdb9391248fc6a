//! The root key: 32 random bytes, from which every other key is derived or under which it is sealed; and the
//! file that holds it, where nothing better does. Whoever loses it loses everything; whoever reads it reads
//! everything.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sealgate_seal::Key256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const HEADER: &str = "sealgate root key v1";
/// Longer than any root key file: nothing beyond is read.
const MAX_FILE: u64 = 256;

/// Why the root key is not there.
#[derive(Debug, thiserror::Error)]
pub enum RootKeyError {
    /// There is no file, and none may be made.
    #[error("the root key file {0} is missing: without it the data cannot be opened")]
    Missing(PathBuf),
    /// Others than the owner may use the file.
    #[error(
        "the root key file {0} is open to other users (mode {1:03o}): make it yours alone with chmod 600"
    )]
    Exposed(PathBuf, u32),
    /// The file is not a root key.
    #[error(
        "the root key file {0} is damaged: it must be the line \"{HEADER}\" and a line of 64 hex digits"
    )]
    Malformed(PathBuf),
    /// The file holds another root key.
    #[error("the root key file {0} holds another root key: nothing is overwritten")]
    Other(PathBuf),
    /// The file cannot be read or written.
    #[error("the root key file {0} cannot be used: {1}")]
    Io(PathBuf, io::Error),
    /// The system has no randomness to give.
    #[error("the system gives no random numbers: {0}")]
    Random(sealgate_crypto::random::Error),
}

/// The root key.
pub struct RootKey(Key256);

impl RootKey {
    /// A root key of these bytes, where it comes from elsewhere than a file.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> RootKey {
        RootKey(Key256::from_bytes(bytes))
    }

    /// Reads the file, or makes it where there is none and `allow_create` says so. An existing file is
    /// never written to.
    ///
    /// # Errors
    /// If there is no usable root key afterwards.
    pub fn load_or_create(path: &Path, allow_create: bool) -> Result<RootKey, RootKeyError> {
        let failed = |error| RootKeyError::Io(path.to_owned(), error);
        match File::open(path) {
            Ok(file) => load(path, file),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            Err(_) if !allow_create => Err(RootKeyError::Missing(path.to_owned())),
            Err(_) => {
                create(path, RootKey::generate()?.0.expose()).map_err(failed)?;
                // Read back what a later start will read.
                load(path, File::open(path).map_err(failed)?)
            }
        }
    }

    /// A new random root key.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn generate() -> Result<RootKey, RootKeyError> {
        let mut secret = Zeroizing::new([0; 32]);
        sealgate_crypto::random::fill(secret.as_mut_slice()).map_err(RootKeyError::Random)?;
        Ok(RootKey::from_bytes(*secret))
    }

    /// The root key of these bytes, if they are 32.
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<RootKey> {
        Key256::from_slice(bytes).map(RootKey)
    }

    /// The root key in this base64.
    pub(crate) fn from_base64(text: &str) -> Option<RootKey> {
        let mut bytes = Zeroizing::new([0; 48]);
        let length = BASE64.decode_slice(text, bytes.as_mut_slice()).ok()?;
        RootKey::from_slice(bytes.get(..length)?)
    }

    /// The root key in 64 hex digits or in base64.
    pub(crate) fn from_text(text: &str) -> Option<RootKey> {
        let mut bytes = Zeroizing::new([0; 32]);
        match hex::decode_to_slice(text, bytes.as_mut_slice()) {
            Ok(()) => RootKey::from_slice(bytes.as_slice()),
            Err(_) => RootKey::from_base64(text),
        }
    }

    /// The bytes, to be wrapped.
    pub(crate) fn expose(&self) -> &[u8; 32] {
        self.0.expose()
    }

    /// A second copy: never by accident, so not `Clone`.
    pub(crate) fn duplicate(&self) -> RootKey {
        RootKey(self.0.duplicate())
    }

    /// The key for one purpose.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Key256 {
        self.0
            .derive(b"", &[b"sealgate v1 root ", purpose.as_bytes()])
    }

    /// The name of this root key in messages and documents: public, and of no help in finding the key.
    #[must_use]
    pub fn id(&self) -> String {
        hex::encode(
            self.derive("id")
                .expose()
                .first_chunk::<8>()
                .unwrap_or(&[0; 8]),
        )
    }
}

/// Writes a root key into a new file and reads it back. One that is there already must be the same.
pub(crate) fn install(path: &Path, key: &RootKey) -> Result<(), RootKeyError> {
    if !path.exists() {
        create(path, key.expose()).map_err(|error| RootKeyError::Io(path.to_owned(), error))?;
    }
    let there = RootKey::load_or_create(path, false)?;
    match bool::from(there.0.ct_eq(&key.0)) {
        true => Ok(()),
        false => Err(RootKeyError::Other(path.to_owned())),
    }
}

fn load(path: &Path, file: File) -> Result<RootKey, RootKeyError> {
    let failed = |error| RootKeyError::Io(path.to_owned(), error);
    refuse_exposed(path, &file)?;
    let mut text = Zeroizing::new(String::with_capacity(MAX_FILE as usize));
    match file.take(MAX_FILE).read_to_string(&mut text) {
        Err(error) if error.kind() != io::ErrorKind::InvalidData => return Err(failed(error)),
        _ => {}
    }
    parse(&text).ok_or_else(|| RootKeyError::Malformed(path.to_owned()))
}

fn parse(text: &str) -> Option<RootKey> {
    let mut lines = text.lines();
    let (header, digits) = (lines.next()?, lines.next()?);
    let mut secret = Zeroizing::new([0; 32]);
    hex::decode_to_slice(digits, secret.as_mut_slice()).ok()?;
    (header == HEADER && lines.next().is_none()).then(|| RootKey::from_bytes(*secret))
}

/// Writes the file under another name and links it to its own, so that it is there whole or not at all,
/// and an existing one stays.
fn create(path: &Path, secret: &[u8; 32]) -> io::Result<()> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    let unfinished = path.with_extension("unfinished");
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        // What a crash left was never used.
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let digits = Zeroizing::new(hex::encode(secret));
    let mut file = options.open(&unfinished)?;
    let mut text = Zeroizing::new(String::with_capacity(MAX_FILE as usize));
    for part in [HEADER, "\n", &digits, "\n"] {
        text.push_str(part);
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::hard_link(&unfinished, path)?;
    fs::remove_file(&unfinished)?;
    File::open(directory)?.sync_all()
}

#[cfg(unix)]
fn refuse_exposed(path: &Path, file: &File) -> Result<(), RootKeyError> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file
        .metadata()
        .map_err(|error| RootKeyError::Io(path.to_owned(), error))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        Ok(())
    } else {
        Err(RootKeyError::Exposed(path.to_owned(), mode))
    }
}

#[cfg(not(unix))]
fn refuse_exposed(_path: &Path, _file: &File) -> Result<(), RootKeyError> {
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_file_is_made_once_for_its_owner_alone_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        let made = RootKey::load_or_create(&path, true).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(text.starts_with("sealgate root key v1\n") && text.len() == 21 + 65);
        for allow_create in [false, true] {
            let read = RootKey::load_or_create(&path, allow_create).unwrap();
            assert_eq!(read.derive("p").expose(), made.derive("p").expose());
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
    }

    #[test]
    fn what_a_crash_left_unfinished_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("root.unfinished"), "sealgate").unwrap();
        RootKey::load_or_create(&folder.path().join("root.key"), true).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_file_is_not_made_unless_allowed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        let refused = RootKey::load_or_create(&path, false).err().unwrap();
        assert!(matches!(refused, RootKeyError::Missing(_)));
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_others_can_use_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        RootKey::load_or_create(&path, true).unwrap();
        for mode in [0o604, 0o640, 0o660, 0o666, 0o610] {
            set_mode(&path, mode);
            let refused = RootKey::load_or_create(&path, true).err().unwrap();
            assert!(refused.to_string().contains("chmod 600"), "{refused}");
        }
        set_mode(&path, 0o400);
        assert!(RootKey::load_or_create(&path, false).is_ok());
    }

    #[test]
    fn a_damaged_file_is_refused_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        let digits = "ab".repeat(32);
        for text in [
            String::new(),
            "sealgate root key v1\n".to_owned(),
            format!("sealgate root key v2\n{digits}\n"),
            format!("sealgate root key v1\n{}\n", "ab".repeat(31)),
            format!("sealgate root key v1\n{}x\n", &digits[1..]),
            format!("sealgate root key v1\n{digits}\n{digits}\n"),
            format!("sealgate root key v1\n{}\n", digits.repeat(1000)),
        ] {
            fs::write(&path, &text).unwrap();
            set_mode(&path, 0o600);
            let refused = RootKey::load_or_create(&path, true).err().unwrap();
            assert!(matches!(refused, RootKeyError::Malformed(_)), "{text:.40}");
            assert!(
                !refused.to_string().contains("abab"),
                "the message holds nothing of the key"
            );
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        fs::write(&path, b"\xff\xfe\xfd").unwrap();
        assert!(matches!(
            RootKey::load_or_create(&path, true),
            Err(RootKeyError::Malformed(_))
        ));
        fs::write(&path, format!("sealgate root key v1\n{digits}\n")).unwrap();
        let read = RootKey::load_or_create(&path, false).unwrap();
        assert_eq!(
            read.derive("p").expose(),
            RootKey::from_bytes([0xab; 32]).derive("p").expose()
        );
    }

    #[test]
    fn purposes_have_different_keys() {
        let root = RootKey::from_bytes([1; 32]);
        assert_ne!(root.derive("a").expose(), root.derive("b").expose());
        assert_ne!(
            root.derive("a").expose(),
            RootKey::from_bytes([2; 32]).derive("a").expose()
        );
    }
}
