//! Who may come in when nobody was told of: the identities of a first start.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, bail};
use sealgate_iam::{Bootstrap, Iam, NewAccount};
use zeroize::Zeroizing;

use crate::data_dir::{self, DataDir};

/// What a client must be told to reach this gateway.
pub struct Endpoint<'a> {
    /// `https://…` where there is TLS.
    pub url: &'a str,
    /// The CA certificate to trust, if the usual ones do not do.
    pub ca_bundle: Option<&'a Path>,
    /// The region to sign for.
    pub region: &'a str,
}

/// Applies the identities of a file: what is missing is created, what exists stays.
pub async fn bootstrap(iam: &Iam, path: &Path) -> anyhow::Result<()> {
    let report = iam.apply_bootstrap(&Bootstrap::load(path)?).await?;
    for what in &report.created {
        tracing::info!("created {what}");
    }
    for what in &report.left_alone {
        tracing::warn!("left as it is: {what}");
    }
    Ok(())
}

/// Makes an account with a root access key where there is none. Returns what is to be printed.
///
/// The credentials are on disk before the account exists: after a crash in between, the file is
/// there and useless, and the next start makes another.
pub async fn first_account(
    iam: &Iam,
    data: &DataDir,
    endpoint: &Endpoint<'_>,
) -> anyhow::Result<Option<Zeroizing<String>>> {
    if iam.has_accounts().await? {
        return Ok(None);
    }
    if !data.first_start() {
        bail!(
            "the data folder {} knows no account: it is damaged; restore it from a backup, or give identities with \
             --bootstrap",
            data.path().display()
        );
    }
    let account = NewAccount::generate("main")?;
    let Some(key) = &account.access_key else {
        bail!("a new account came without an access key")
    };
    let lines = export_lines(&key.access_key_id, key.secret.expose(), endpoint)?;

    let path = data.credentials();
    data_dir::replace(&path, lines.as_bytes())
        .with_context(|| format!("the credentials cannot be written to {}", path.display()))?;
    iam.create_account(&account).await?;

    let mut text = Zeroizing::new(String::with_capacity(1024));
    writeln!(
        text,
        "# First start. Account {} was made; this is its root access key,",
        account.id
    )?;
    writeln!(
        text,
        "# kept in {} as well. Paste into a shell:",
        path.display()
    )?;
    text.push_str(&lines);
    Ok(Some(text))
}

/// Lines for a shell. The AWS CLI and the SDKs do not agree on the name of the region's variable.
fn export_lines(
    id: &str,
    secret: &str,
    endpoint: &Endpoint<'_>,
) -> anyhow::Result<Zeroizing<String>> {
    // Enough from the start: a string that grows leaves copies behind.
    let mut lines = Zeroizing::new(String::with_capacity(1024));
    writeln!(lines, "export AWS_ACCESS_KEY_ID={id}")?;
    writeln!(lines, "export AWS_SECRET_ACCESS_KEY={}", quoted(secret))?;
    writeln!(
        lines,
        "export AWS_REGION={0} AWS_DEFAULT_REGION={0}",
        endpoint.region
    )?;
    writeln!(lines, "export AWS_ENDPOINT_URL={}", endpoint.url)?;
    if let Some(path) = endpoint.ca_bundle {
        writeln!(
            lines,
            "export AWS_CA_BUNDLE={}",
            quoted(&path.display().to_string())
        )?;
    }
    Ok(lines)
}

/// A word that a shell takes as it is.
fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/+._-=:@".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn the_lines_survive_a_shell() {
        let endpoint = Endpoint {
            url: "https://127.0.0.1:9443",
            ca_bundle: Some(Path::new("/srv/it's here/ca.pem")),
            region: "eu-west-1",
        };
        let lines = export_lines("AKIAEXAMPLE", "abc/def+ghi", &endpoint).unwrap();
        let shell = std::process::Command::new("sh")
            .arg("-c")
            .arg(format!("{}\nprintf '%s|' \"$AWS_SECRET_ACCESS_KEY\" \"$AWS_CA_BUNDLE\" \"$AWS_DEFAULT_REGION\"", *lines))
            .output()
            .unwrap();
        assert_eq!(
            shell.stdout,
            b"abc/def+ghi|/srv/it's here/ca.pem|eu-west-1|"
        );
    }
}
