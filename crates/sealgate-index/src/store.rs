//! The index file: how connections to it are opened and keyed, and what is said of a file that is not ours.

use std::{
    fmt::Write as _,
    fs::{File, OpenOptions},
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
    sync::Once,
    time::Duration,
};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use zeroize::Zeroizing;

use crate::{error::IndexError, migrate, sql::Result};

/// Bytes per page, encrypted or not.
const PAGE_SIZE: u64 = 4096;
const WRITER_CACHE_KIB: u32 = 64 * 1024;
const READER_CACHE_KIB: u32 = 8 * 1024;
/// Pages in the WAL after which a commit also moves them into the file (32 MiB).
const CHECKPOINT_PAGES: u32 = 8192;
/// What the WAL file is cut back to after a checkpoint that emptied it.
const WAL_KEPT_BYTES: u32 = 64 * 1024 * 1024;
const STATEMENTS_KEPT: usize = 128;
const PLAIN_MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Where the index is and the key it opens with.
pub(crate) struct Store {
    path: PathBuf,
    key: Option<Zeroizing<[u8; 32]>>,
    /// Whether an index without anything in it is a loss, and not a beginning.
    must_exist: bool,
}

/// What lies at the path before SQLite looks at it.
#[derive(PartialEq)]
enum Found {
    Nothing,
    PlainSqlite,
    WholePages,
    Other,
}

/// Why a connection cannot be used.
enum Unreadable {
    /// The first page makes no sense: with a key, most likely because that is the wrong one.
    NotADatabase,
    Other(IndexError),
}

impl From<rusqlite::Error> for Unreadable {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Unreadable::NotADatabase,
            _ => Unreadable::Other(error.into()),
        }
    }
}

impl Store {
    pub fn new(path: PathBuf, key: Option<Zeroizing<[u8; 32]>>) -> Self {
        Store {
            path,
            key,
            must_exist: false,
        }
    }

    pub fn existing(path: PathBuf, key: Option<Zeroizing<[u8; 32]>>) -> Self {
        Store {
            must_exist: true,
            ..Self::new(path, key)
        }
    }

    pub fn must_exist(&self) -> bool {
        self.must_exist
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the index for writing; makes it or brings it to the newest of `migrations`.
    pub fn open_writer(&self, migrations: &[&str]) -> Result<Connection> {
        let found = sniff(&self.path)?;
        if found == Found::Nothing && self.must_exist {
            return Err(IndexError::damaged("it is missing or empty"));
        }
        match (&found, &self.key) {
            (Found::PlainSqlite, Some(_)) | (Found::Other, _) => return Err(IndexError::Foreign),
            // Most likely an encrypted index where none is configured.
            (Found::WholePages, None) => return Err(IndexError::WrongKey),
            _ => {}
        }
        let mut conn = self.create(&self.path)?;
        migrate::prepare(self, &mut conn, migrations)?;
        let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        if !mode.eq_ignore_ascii_case("wal") {
            return Err(IndexError::Storage(
                "the file system does not support a write-ahead log".into(),
            ));
        }
        conn.execute_batch(&format!(
            "PRAGMA synchronous = FULL;
             PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES};
             PRAGMA journal_size_limit = {WAL_KEPT_BYTES};
             PRAGMA secure_delete = FAST;"
        ))?;
        Ok(conn)
    }

    /// Opens the index, which a writer has opened before, for reading only.
    pub fn open_reader(&self) -> Result<Connection> {
        let conn = connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        self.set_up(&conn, READER_CACHE_KIB)
            .map_err(|error| match error {
                Unreadable::NotADatabase => IndexError::damaged("its first page cannot be read"),
                Unreadable::Other(error) => error,
            })?;
        Ok(conn)
    }

    /// Opens a file under the key of this index, and makes it if need be, readable by its owner alone.
    pub fn create(&self, path: &Path) -> Result<Connection> {
        create_private(path)?;
        let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // The first page is read when the cache is set up or else by the query.
        let opened = self.set_up(&conn, WRITER_CACHE_KIB).and_then(|()| {
            Ok(conn.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?)
        });
        match opened {
            Err(Unreadable::NotADatabase) if self.key.is_some() => Err(IndexError::WrongKey),
            Err(Unreadable::NotADatabase) => Err(IndexError::Foreign),
            Err(Unreadable::Other(error)) => Err(error),
            Ok(()) => Ok(conn),
        }
    }

    fn set_up(&self, conn: &Connection, cache_kib: u32) -> std::result::Result<(), Unreadable> {
        conn.busy_timeout(Duration::from_secs(10))?;
        conn.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        // Plans that do not depend on the values bound: otherwise each new value has the statement
        // parsed and planned again.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        if let Some(key) = &self.key {
            // A SQLite without the cipher ignores the key and would write in the clear.
            let cipher = conn.query_row("PRAGMA cipher_version", [], |row| row.get::<_, String>(0));
            if cipher.is_err() {
                let error = IndexError::Storage("this build of SQLite cannot encrypt".into());
                return Err(Unreadable::Other(error));
            }
            // It would write its own log to stderr; what it has to say comes back as errors.
            conn.execute_batch("PRAGMA cipher_log_level = NONE")?;
            let mut pragma = Zeroizing::new(String::with_capacity(96));
            pragma.push_str("PRAGMA key = \"x'");
            for byte in key.iter() {
                // Writing to a string does not fail.
                let _ = write!(pragma, "{byte:02x}");
            }
            pragma.push_str("'\"");
            conn.execute_batch(&pragma)?;
            conn.execute_batch(&format!(
                "PRAGMA cipher_page_size = {PAGE_SIZE}; PRAGMA cipher_hmac_algorithm = HMAC_SHA256;"
            ))?;
        } else {
            conn.execute_batch(&format!("PRAGMA page_size = {PAGE_SIZE};"))?;
        }
        // Temporary data in memory: a temporary file would not be encrypted.
        conn.execute_batch(&format!(
            "PRAGMA cache_size = -{cache_kib}; PRAGMA temp_store = MEMORY;"
        ))?;
        Ok(())
    }
}

/// Opens a connection that one thread at a time uses.
fn connect(path: &Path, flags: OpenFlags) -> Result<Connection> {
    // SQLite calls itself set up before its cipher is: a connection that another thread opens in between
    // cannot be given a key. So the first one of the process has no file, and the others wait for it.
    // What hinders that one hinders the next as well, and is told there.
    static SET_UP: Once = Once::new();
    SET_UP.call_once(|| drop(Connection::open_in_memory()));
    Ok(Connection::open_with_flags(
        path,
        flags | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?)
}

fn sniff(path: &Path) -> Result<Found> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(failed(path, "opened", &error)),
    };
    let length = file
        .metadata()
        .map_err(|error| failed(path, "read", &error))?
        .len();
    if length == 0 {
        return Ok(Found::Nothing);
    }
    let mut magic = [0; 16];
    match file.read_exact(&mut magic) {
        Ok(()) if &magic == PLAIN_MAGIC => Ok(Found::PlainSqlite),
        Ok(()) if length.is_multiple_of(PAGE_SIZE) => Ok(Found::WholePages),
        Ok(()) => Ok(Found::Other),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(Found::Other),
        Err(error) => Err(failed(path, "read", &error)),
    }
}

/// Makes the file before SQLite does, which would leave it readable by others. The WAL takes over its mode.
fn create_private(path: &Path) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(path, "created", &error)),
    }
}

fn failed(path: &Path, what: &str, error: &std::io::Error) -> IndexError {
    if error.kind() == ErrorKind::StorageFull {
        return IndexError::Full;
    }
    IndexError::Storage(format!("{} cannot be {what}: {error}", path.display()))
}
