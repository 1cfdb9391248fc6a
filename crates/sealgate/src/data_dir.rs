//! The data folder: who may use it, and whether it is what it should be.
//!
//! ```text
//! DATA/VERSION      "sealgate data 1"; written last by the first start
//! DATA/first-start  there while the first start is not complete
//! DATA/lock         held by the process that uses the folder
//! DATA/root.key     the root key, where a file holds it
//! DATA/root.sealed  the root key as its holder wrapped it, where another holds it
//! DATA/index.db     the index
//! DATA/blobs/       sealed bodies
//! DATA/tls/         certificate authority and server certificate made here
//! DATA/credentials  the root access key made at first start
//! DATA/queues/      queues of notifications that are files, named in the configuration
//! DATA/audit-heads  signed heads of the audit trail
//! DATA/series      figures over time, for the console; may be deleted
//! DATA/control.sock where the gateway that runs takes an operator's commands
//! ```
//!
//! Nothing is ever overwritten: what is not understood is refused with a sentence.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The version of the folder that this program writes.
const DATA_VERSION: u32 = 1;
const VERSION_PREFIX: &str = "sealgate data ";
const VERSION_FILE: &str = "VERSION";
const LOCK_FILE: &str = "lock";
const FIRST_START_FILE: &str = "first-start";
/// Signed heads of the audit trail.
pub const AUDIT_HEADS_FILE: &str = "audit-heads";
/// What a file system puts into an empty folder.
const NOT_OURS_BUT_HARMLESS: &str = "lost+found";

/// Why a data folder is refused. The texts are the sentences a person reads at start.
#[derive(Debug, Error)]
pub enum DataDirError {
    /// Another process has it.
    #[error("the data folder {0} is in use by another process")]
    Locked(PathBuf),
    /// It is something else.
    #[error(
        "{0} is not a data folder of Sealgate: it holds other files and no VERSION; \
         choose an empty or a new folder with --data"
    )]
    Foreign(PathBuf),
    /// It is a file.
    #[error("the data folder {0} is not a folder")]
    NotAFolder(PathBuf),
    /// A later program wrote it.
    #[error(
        "the data folder {path} has format version {found}, and this program knows versions up to \
         {DATA_VERSION}: run the newer program that wrote it"
    )]
    Newer {
        /// The folder.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// VERSION cannot be understood.
    #[error("{0} is damaged: it does not name a format version; restore it from a backup")]
    BadVersion(PathBuf),
    /// Something that must be there is not.
    #[error(
        "the data folder {data} is damaged: {what} ({path}) is missing; restore it from a backup \
         (nothing was changed)"
    )]
    Missing {
        /// The folder.
        data: PathBuf,
        /// What it is, in words.
        what: &'static str,
        /// Where it should be.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("the data folder {path} cannot be used: {error}")]
    Io {
        /// The folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// A data folder in use by this process, until it is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    first_start: bool,
    lock: File,
}

impl Drop for DataDir {
    /// Unlocks by name: closing the file would not release the lock as long as a child process,
    /// forked meanwhile and not yet replaced by its program, has a copy of the descriptor.
    fn drop(&mut self) {
        let _ = self.lock.unlock();
    }
}

/// What stands in a folder.
enum State {
    /// Nothing of ours yet.
    Empty,
    /// A first start that did not come to its end.
    Unfinished,
    /// A whole data folder of this version.
    Complete,
}

impl DataDir {
    /// Makes or opens the folder and locks it.
    pub fn open(path: &Path) -> Result<DataDir, DataDirError> {
        let io = |error| DataDirError::Io {
            path: path.to_owned(),
            error,
        };
        let created = match fs::metadata(path) {
            Ok(metadata) if !metadata.is_dir() => {
                return Err(DataDirError::NotAFolder(path.to_owned()));
            }
            Ok(_) => false,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(path)
                    .map_err(io)?;
                true
            }
            Err(error) => return Err(io(error)),
        };
        let path = path.canonicalize().map_err(io)?;

        // Looked at before the lock, so that a foreign folder is left without a trace, and again
        // under it, since another process may have been faster.
        state(&path)?;
        let lock = lock(&path)?;
        let state = state(&path)?;
        if matches!(state, State::Empty) {
            if !created {
                let private = Permissions::from_mode(0o700);
                fs::set_permissions(&path, private).map_err(io)?;
            }
            let text = b"The first start of Sealgate in this folder is not complete.\n";
            write_new(&path.join(FIRST_START_FILE), text).map_err(io)?;
        }
        Ok(DataDir {
            path,
            first_start: !matches!(state, State::Complete),
            lock,
        })
    }

    /// Whether the folder is being made: only then may missing parts be made, too.
    pub fn first_start(&self) -> bool {
        self.first_start
    }

    /// The folder, as an absolute path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file of signed heads of the audit trail.
    pub fn audit_heads(&self) -> PathBuf {
        self.path.join(AUDIT_HEADS_FILE)
    }

    /// The ring of figures.
    pub fn series(&self) -> PathBuf {
        self.path.join("series")
    }

    /// The folder of blobs.
    pub fn blobs(&self) -> PathBuf {
        self.path.join("blobs")
    }

    /// The folder of certificates.
    pub fn tls(&self) -> PathBuf {
        self.path.join("tls")
    }

    /// The credentials made at first start.
    pub fn credentials(&self) -> PathBuf {
        self.path.join("credentials")
    }

    /// Refuses a folder of which a part is gone. At a first start there is nothing to miss.
    pub fn require(&self, what: &'static str, path: &Path) -> Result<(), DataDirError> {
        if self.first_start || path.exists() {
            return Ok(());
        }
        Err(DataDirError::Missing {
            data: self.path.clone(),
            what,
            path: path.to_owned(),
        })
    }

    /// Marks the first start as complete. From here on a missing part is damage.
    pub fn complete(&mut self) -> Result<(), DataDirError> {
        if !self.first_start {
            return Ok(());
        }
        let text = format!("{VERSION_PREFIX}{DATA_VERSION}\n");
        write_new(&self.path.join(VERSION_FILE), text.as_bytes())
            .and_then(|()| fs::remove_file(self.path.join(FIRST_START_FILE)))
            .map_err(|error| DataDirError::Io {
                path: self.path.clone(),
                error,
            })?;
        self.first_start = false;
        Ok(())
    }
}

fn state(path: &Path) -> Result<State, DataDirError> {
    let io = |error| DataDirError::Io {
        path: path.to_owned(),
        error,
    };
    match fs::read_to_string(path.join(VERSION_FILE)) {
        Ok(text) => {
            let version = text
                .strip_prefix(VERSION_PREFIX)
                .and_then(|rest| rest.trim_end().parse::<u32>().ok());
            return match version {
                Some(DATA_VERSION) => Ok(State::Complete),
                Some(found) if found > DATA_VERSION => Err(DataDirError::Newer {
                    path: path.to_owned(),
                    found,
                }),
                _ => Err(DataDirError::BadVersion(path.join(VERSION_FILE))),
            };
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(DataDirError::BadVersion(path.join(VERSION_FILE)));
        }
        Err(error) => return Err(io(error)),
    }
    let mut unfinished = false;
    let mut other = false;
    for entry in fs::read_dir(path).map_err(io)? {
        let name = entry.map_err(io)?.file_name();
        unfinished |= name == FIRST_START_FILE;
        other |= name != LOCK_FILE && name != NOT_OURS_BUT_HARMLESS;
    }
    match (unfinished, other) {
        (true, _) => Ok(State::Unfinished),
        (false, false) => Ok(State::Empty),
        (false, true) => Err(DataDirError::Foreign(path.to_owned())),
    }
}

fn lock(path: &Path) -> Result<File, DataDirError> {
    let io = |error| DataDirError::Io {
        path: path.to_owned(),
        error,
    };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path.join(LOCK_FILE))
        .map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DataDirError::Locked(path.to_owned())),
        Err(TryLockError::Error(error)) => Err(io(error)),
    }
}

/// Writes a private file that must not exist yet; durable, and whole or absent after a crash.
pub fn write_new(path: &Path, content: &[u8]) -> io::Result<()> {
    if path.exists() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("{} exists", path.display()),
        ));
    }
    replace(path, content)
}

/// Writes a private file in place of what may be there; durable, and old or new after a crash.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not the path of a file",
        ));
    };
    let temporary = parent.join(format!(".{}.new", name.to_string_lossy()));
    // A crash may have left one, possibly half written.
    if let Err(error) = fs::remove_file(&temporary)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    File::open(parent)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn complete(path: &Path) -> DataDir {
        let mut data = DataDir::open(path).unwrap();
        data.complete().unwrap();
        data
    }

    #[test]
    fn a_new_folder_is_private_and_complete_only_when_said() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a/data");
        let mut data = DataDir::open(&path).unwrap();
        assert!(data.first_start());
        assert_eq!(mode(&path), 0o700);
        assert!(!path.join("VERSION").exists());
        data.complete().unwrap();
        assert!(!data.first_start());
        assert_eq!(
            fs::read_to_string(path.join("VERSION")).unwrap(),
            "sealgate data 1\n"
        );
        assert_eq!(mode(&path.join("VERSION")), 0o600);
        drop(data);
        assert!(!DataDir::open(&path).unwrap().first_start());
    }

    #[test]
    fn an_interrupted_first_start_goes_on_as_one() {
        let temp = tempfile::tempdir().unwrap();
        let data = DataDir::open(temp.path()).unwrap();
        fs::write(data.credentials(), "key").unwrap();
        drop(data);
        let data = DataDir::open(temp.path()).unwrap();
        assert!(data.first_start());
        assert_eq!(fs::read_to_string(data.credentials()).unwrap(), "key");
    }

    #[test]
    fn a_second_process_is_refused_until_the_first_is_gone() {
        let temp = tempfile::tempdir().unwrap();
        let first = DataDir::open(temp.path()).unwrap();
        assert!(matches!(
            DataDir::open(temp.path()),
            Err(DataDirError::Locked(_))
        ));
        drop(first);
        assert!(DataDir::open(temp.path()).is_ok());
    }

    #[test]
    fn a_copy_of_the_descriptor_does_not_keep_the_lock() {
        let temp = tempfile::tempdir().unwrap();
        let first = DataDir::open(temp.path()).unwrap();
        // What a child process has between its fork and its exec.
        let copy = first.lock.try_clone().unwrap();
        drop(first);
        assert!(DataDir::open(temp.path()).is_ok());
        drop(copy);
    }

    #[test]
    fn a_foreign_folder_is_refused_and_left_as_it_was() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("thesis.tex"), "x").unwrap();
        assert!(matches!(
            DataDir::open(temp.path()),
            Err(DataDirError::Foreign(_))
        ));
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_fresh_file_system_counts_as_empty() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join("lost+found")).unwrap();
        assert!(DataDir::open(temp.path()).unwrap().first_start());
    }

    #[test]
    fn a_newer_or_unreadable_version_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        drop(complete(temp.path()));
        fs::write(temp.path().join("VERSION"), "sealgate data 7\n").unwrap();
        let error = DataDir::open(temp.path()).unwrap_err();
        assert!(matches!(error, DataDirError::Newer { found: 7, .. }));
        assert!(error.to_string().contains("version 7"));
        for text in ["", "sealgate data 0\n", "sealgate data x", "garage 1"] {
            fs::write(temp.path().join("VERSION"), text).unwrap();
            assert!(
                matches!(DataDir::open(temp.path()), Err(DataDirError::BadVersion(_))),
                "{text:?}"
            );
        }
        fs::write(temp.path().join("VERSION"), [0xff, 0xfe]).unwrap();
        assert!(matches!(
            DataDir::open(temp.path()),
            Err(DataDirError::BadVersion(_))
        ));
    }

    #[test]
    fn a_missing_part_is_named_and_nothing_is_made_in_its_place() {
        let temp = tempfile::tempdir().unwrap();
        let data = complete(temp.path());
        let error = data
            .require("the index", &temp.path().join("index.db"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("the index") && error.contains("index.db"),
            "{error}"
        );
        assert!(!temp.path().join("index.db").exists());
    }

    #[test]
    fn a_file_is_no_folder() {
        let temp = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(
            DataDir::open(temp.path()),
            Err(DataDirError::NotAFolder(_))
        ));
    }
}
