//! `root.sealed`: a document in the data folder that says who holds the root key, and carries it as they
//! wrapped it. Nothing in it is secret. Its check value is computed with the root key over everything else, so
//! that a wrong key and a changed document are both found out.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sealgate_seal::Key256;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::error::RootError;
use crate::key::RootKey;
use crate::source::Source;

/// The name of the document in a data folder.
pub(crate) const SEALED_FILE: &str = "root.sealed";
const UNFINISHED: &str = "root.sealed.unfinished";
const FORMAT: &str = "sealgate root v1";
/// Longer than any document: nothing beyond is read.
const MAX_FILE: u64 = 64 * 1024;

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sealed {
    format: String,
    /// The [`Source`].
    root: String,
    pub root_key_id: String,
    /// Absent where the holder keeps the key itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrapped: Option<Wrapped>,
    check: String,
}

/// The root key as its holder wrapped it; bytes are in base64, but for what the holder calls text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) enum Wrapped {
    Argon2id {
        memory_kib: u32,
        passes: u32,
        lanes: u32,
        salt: String,
        key: String,
    },
    AesGcm {
        iv: String,
        key: String,
    },
    Kms {
        key: String,
    },
    Transit {
        key: String,
    },
}

impl Sealed {
    pub(crate) fn new(source: &Source, key: &RootKey, wrapped: Option<Wrapped>) -> Sealed {
        let mut document = Sealed {
            format: FORMAT.to_owned(),
            root: source.to_string(),
            root_key_id: key.id(),
            wrapped,
            check: String::new(),
        };
        document.check = hex::encode(document.check_under(key).expose());
        document
    }

    /// Reads the document, if there is one.
    pub(crate) fn read(data: &Path) -> Result<Option<Sealed>, RootError> {
        let path = data.join(SEALED_FILE);
        let mut bytes = Vec::new();
        match File::open(&path).and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes)) {
            Ok(_) => Sealed::parse(&bytes)
                .map(Some)
                .map_err(|reason| RootError::Damaged { file: path, reason }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(RootError::Io { file: path, error }),
        }
    }

    fn parse(bytes: &[u8]) -> Result<Sealed, String> {
        let document: Sealed = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        if document.format != FORMAT {
            return Err(format!("it must be of the format {FORMAT:?}"));
        }
        Ok(document)
    }

    /// Who holds the root key.
    pub(crate) fn source(&self, data: &Path) -> Result<Source, RootError> {
        Source::parse(&self.root).map_err(|error| RootError::Damaged {
            file: data.join(SEALED_FILE),
            reason: error.to_string(),
        })
    }

    /// Whether `key` is the root key that this document is about, and nothing in it was changed.
    pub(crate) fn verify(
        &self,
        source: &Source,
        key: &RootKey,
        data: &Path,
    ) -> Result<(), RootError> {
        let found = key.id();
        if found != self.root_key_id {
            return Err(RootError::WrongKey {
                root: source.describe(),
                found,
                expected: self.root_key_id.clone(),
            });
        }
        let mut check = [0; 32];
        let decoded = hex::decode_to_slice(&self.check, &mut check).is_ok();
        if decoded && bool::from(Key256::from_bytes(check).ct_eq(&self.check_under(key))) {
            return Ok(());
        }
        Err(RootError::Damaged {
            file: data.join(SEALED_FILE),
            reason: "it was changed after it was made".to_owned(),
        })
    }

    fn check_under(&self, key: &RootKey) -> Key256 {
        let unchecked = Sealed {
            check: String::new(),
            ..self.clone()
        };
        // Strings and numbers in the order of the fields: always the same text.
        let text = serde_json::to_string(&unchecked).unwrap_or_default();
        key.derive(&format!("check {text}"))
    }

    /// Writes the document beside its place, whole and durable, and reads it back.
    pub(crate) fn prepare(&self, data: &Path) -> Result<(), RootError> {
        let path = data.join(UNFINISHED);
        let write = || -> io::Result<Vec<u8>> {
            // What a crash left was never used.
            remove(&path)?;
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut text = serde_json::to_vec_pretty(self)?;
            text.push(b'\n');
            let mut file = options.open(&path)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::read(&path)
        };
        let written = write().map_err(|error| io_error(&path, error))?;
        match Sealed::parse(&written) {
            Ok(document) if document == *self => Ok(()),
            _ => Err(RootError::Damaged {
                file: path,
                reason: "it was not read back as it was written".to_owned(),
            }),
        }
    }

    /// Puts the prepared document in its place; with `replace`, in that of another one.
    pub(crate) fn commit(data: &Path, replace: bool) -> Result<(), RootError> {
        let (from, to) = (data.join(UNFINISHED), data.join(SEALED_FILE));
        let moved = if replace {
            fs::rename(&from, &to)
        } else {
            fs::hard_link(&from, &to).and_then(|()| fs::remove_file(&from))
        };
        moved.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => RootError::Exists(to.clone()),
            _ => io_error(&to, error),
        })?;
        sync(data)
    }

    /// Takes the document away: the root key is in its own file again.
    pub(crate) fn retire(data: &Path) -> Result<(), RootError> {
        let path = data.join(SEALED_FILE);
        remove(&path).map_err(|error| io_error(&path, error))?;
        sync(data)
    }
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync(folder: &Path) -> Result<(), RootError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| io_error(folder, error))
}

fn io_error(path: &Path, error: io::Error) -> RootError {
    RootError::Io {
        file: PathBuf::from(path),
        error,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    fn document() -> Sealed {
        let wrapped = Wrapped::Transit {
            key: "vault:v1:abcd".into(),
        };
        Sealed::new(
            &Source::parse("vault:https://vault:8200/transit/sealgate").unwrap(),
            &RootKey::from_bytes([1; 32]),
            Some(wrapped),
        )
    }

    #[test]
    fn it_is_written_once_and_replaced_only_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        assert!(Sealed::read(data).unwrap().is_none());
        let document = document();
        document.prepare(data).unwrap();
        assert!(Sealed::read(data).unwrap().is_none());
        Sealed::commit(data, false).unwrap();
        assert_eq!(Sealed::read(data).unwrap().unwrap(), document);
        document.prepare(data).unwrap();
        assert!(matches!(
            Sealed::commit(data, false),
            Err(RootError::Exists(_))
        ));
        Sealed::commit(data, true).unwrap();
        assert_eq!(fs::read_dir(data).unwrap().count(), 1);
        Sealed::retire(data).unwrap();
        assert_eq!(fs::read_dir(data).unwrap().count(), 0);
    }

    #[test]
    fn another_key_and_a_changed_document_are_told_apart() {
        let document = document();
        let (right, wrong) = (RootKey::from_bytes([1; 32]), RootKey::from_bytes([2; 32]));
        let data = Path::new("/data");
        let source = document.source(data).unwrap();
        document.verify(&source, &right, data).unwrap();
        assert!(matches!(
            document.verify(&source, &wrong, data),
            Err(RootError::WrongKey { .. })
        ));
        let changed = Sealed {
            root: "vault:https://elsewhere:8200/transit/sealgate".into(),
            ..document
        };
        assert!(matches!(
            changed.verify(&source, &right, data),
            Err(RootError::Damaged { .. })
        ));
    }

    proptest! {
        #[test]
        fn damage_never_passes(at in 0usize..400, byte: u8) {
            let document = document();
            let mut text = serde_json::to_vec(&document).unwrap();
            let at = at % text.len();
            prop_assume!(text[at] != byte);
            text[at] = byte;
            if let Ok(read) = Sealed::parse(&text) {
                let source = Source::parse("passphrase").unwrap();
                let right = RootKey::from_bytes([1; 32]);
                // Only spelling that means the same may have changed.
                prop_assert!(read == document || read.verify(&source, &right, Path::new("/")).is_err()
                    || read.check.eq_ignore_ascii_case(&document.check));
            }
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(Sealed::parse(&bytes).is_err());
        }
    }
}
