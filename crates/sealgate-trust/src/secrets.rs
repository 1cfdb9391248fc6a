//! Where the secrets for a root come from: the environment, credential files of systemd, files of their own,
//! the terminal. Never from arguments, which every user of the machine can read.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::error::Refusal;

/// Longer than any secret here.
const MAX_SECRET: u64 = 16 * 1024;

type Env = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;
type Prompt = Arc<dyn Fn(&str) -> io::Result<Zeroizing<String>> + Send + Sync>;

/// Sources of secrets. They are asked anew each time, so that a token that an agent renews in its file is the
/// one that is used.
#[derive(Clone)]
pub struct Secrets {
    env: Env,
    passphrase_file: Option<PathBuf>,
    prompt: Option<Prompt>,
}

impl Secrets {
    /// Those of this process.
    #[must_use]
    pub fn of_process() -> Secrets {
        Secrets::new(|name| std::env::var(name).ok())
    }

    /// Those of an environment.
    #[must_use]
    pub fn new(env: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Secrets {
        Secrets {
            env: Arc::new(env),
            passphrase_file: None,
            prompt: None,
        }
    }

    /// With the passphrase in this file.
    #[must_use]
    pub fn with_passphrase_file(mut self, path: PathBuf) -> Secrets {
        self.passphrase_file = Some(path);
        self
    }

    /// With someone to ask for the passphrase, where it is nowhere else.
    #[must_use]
    pub fn with_prompt(
        mut self,
        prompt: impl Fn(&str) -> io::Result<Zeroizing<String>> + Send + Sync + 'static,
    ) -> Secrets {
        self.prompt = Some(Arc::new(prompt));
        self
    }

    /// A variable, as it is.
    pub(crate) fn variable(&self, name: &str) -> Option<Zeroizing<String>> {
        (self.env)(name).map(Zeroizing::new)
    }

    /// A credential that systemd hands over.
    /// <https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#Credentials>
    pub(crate) fn credential(&self, name: &str) -> Result<Option<Zeroizing<String>>, Refusal> {
        match (self.env)("CREDENTIALS_DIRECTORY") {
            Some(folder) if !folder.is_empty() => match read(&Path::new(&folder).join(name)) {
                Ok(text) => Ok(Some(text)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(Refusal::refused(format!(
                    "the credential {name} cannot be read: {error}"
                ))),
            },
            _ => Ok(None),
        }
    }

    /// The secret `sealgate-root-WHAT`: the variable `SEALGATE_ROOT_WHAT`, or else the credential.
    pub(crate) fn find(&self, what: &str) -> Result<Option<Zeroizing<String>>, Refusal> {
        match self.variable(&variable_name(what)) {
            Some(secret) => Ok(Some(secret)),
            None => self.credential(&format!("sealgate-root-{what}")),
        }
    }

    /// The secret of [`Secrets::find`], which must be there.
    pub(crate) fn require(&self, what: &str) -> Result<Zeroizing<String>, Refusal> {
        self.find(what)?.ok_or_else(|| {
            Refusal::refused(format!(
                "neither the variable {} nor the credential sealgate-root-{what} is there",
                variable_name(what)
            ))
        })
    }

    /// The passphrase: of the file, else as any secret, else from whoever can be asked.
    pub(crate) fn passphrase(&self) -> Result<Zeroizing<String>, Refusal> {
        if let Some(path) = &self.passphrase_file {
            return read_private(path).map_err(|error| {
                Refusal::refused(format!(
                    "the passphrase file {} cannot be used: {error}",
                    path.display()
                ))
            });
        }
        match (self.find("passphrase")?, &self.prompt) {
            (Some(secret), _) => Ok(secret),
            (None, Some(prompt)) => prompt("Passphrase of the root key: ").map_err(|error| {
                Refusal::refused(format!("the passphrase cannot be asked for: {error}"))
            }),
            (None, None) => self.require("passphrase"),
        }
    }
}

fn variable_name(what: &str) -> String {
    format!(
        "SEALGATE_ROOT_{}",
        what.to_ascii_uppercase().replace('-', "_")
    )
}

/// The text of a file that its owner alone may read, without the end of its line.
pub(crate) fn read_private(path: &Path) -> io::Result<Zeroizing<String>> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = path.metadata()?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(io::Error::other(format!(
                "it is open to other users (mode {mode:03o}): make it yours alone with chmod 600"
            )));
        }
    }
    read(path)
}

fn read(path: &Path) -> io::Result<Zeroizing<String>> {
    // Enough from the start: a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(MAX_SECRET as usize + 1));
    File::open(path)?
        .take(MAX_SECRET)
        .read_to_string(&mut text)?;
    let end = text.trim_end_matches(['\n', '\r']).len();
    text.truncate(end);
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn secrets(folder: &Path) -> Secrets {
        let folder = folder.display().to_string();
        Secrets::new(move |name| match name {
            "CREDENTIALS_DIRECTORY" => Some(folder.clone()),
            "SEALGATE_ROOT_PIN" => Some("from the environment".into()),
            _ => None,
        })
    }

    #[test]
    fn a_variable_goes_before_a_credential() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("sealgate-root-pin"), "file\n").unwrap();
        std::fs::write(folder.path().join("sealgate-root-vault-token"), "s.token\n").unwrap();
        let secrets = secrets(folder.path());
        assert_eq!(*secrets.require("pin").unwrap(), "from the environment");
        assert_eq!(*secrets.require("vault-token").unwrap(), "s.token");
        let Err(Refusal::Refused(text)) = secrets.require("vault-secret-id") else {
            panic!("there is none")
        };
        assert!(text.contains("SEALGATE_ROOT_VAULT_SECRET_ID"), "{text}");
        assert!(text.contains("sealgate-root-vault-secret-id"), "{text}");
    }

    #[test]
    fn a_passphrase_file_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("passphrase");
        std::fs::write(&path, "correct horse battery\n").unwrap();
        let secrets =
            secrets(folder.path()).with_prompt(|_| Ok("from the terminal".to_owned().into()));
        assert_eq!(*secrets.passphrase().unwrap(), "from the terminal");
        let secrets = secrets.with_passphrase_file(path.clone());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(secrets.passphrase().is_err());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
        assert_eq!(*secrets.passphrase().unwrap(), "correct horse battery");
    }
}
