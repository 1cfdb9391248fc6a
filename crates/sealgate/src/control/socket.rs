//! The socket of a data folder. Names of Unix sockets are at most 107 bytes long; that of a folder may be
//! longer, so the socket is named through an open descriptor of the folder.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

const SOCKET: &str = "control.sock";

fn short_name(folder: &File) -> PathBuf {
    Path::new("/proc/self/fd")
        .join(folder.as_raw_fd().to_string())
        .join(SOCKET)
}

/// Listens; whoever holds the folder's lock may. A socket that a crash left is replaced.
pub(super) fn listen(data: &Path) -> io::Result<UnixListener> {
    let folder = File::open(data)?;
    let path = short_name(&folder);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Connects to the gateway that runs on the folder; `None` if none does.
pub(super) async fn connect(data: &Path) -> io::Result<Option<UnixStream>> {
    let folder = match File::open(data) {
        Ok(folder) => folder,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match UnixStream::connect(short_name(&folder)).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Removes the socket at the end.
pub(super) fn remove(data: &Path) {
    let _ = fs::remove_file(data.join(SOCKET));
}
