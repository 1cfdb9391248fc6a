//! How checks are run and told: `ok NAME`, `FAILED NAME: why`, `skipped NAME: why`.

use std::cell::Cell;
use std::fmt::{Debug, Display};
use std::process::ExitCode;

use anyhow::{Result, anyhow, bail, ensure};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use md5::{Digest as _, Md5};

/// Counts the checks.
#[derive(Default)]
pub struct Run {
    passed: Cell<u32>,
    failed: Cell<u32>,
    skipped: Cell<u32>,
}

/// The endpoint does not have what a check is about.
#[derive(Debug)]
pub struct NotThere(pub &'static str);

impl Display for NotThere {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NotThere {}

impl Run {
    pub async fn check(&self, name: impl Display, body: impl Future<Output = Result<()>>) {
        let (count, line) = match body.await {
            Ok(()) => (&self.passed, format!("ok {name}")),
            Err(error) if error.is::<NotThere>() => {
                (&self.skipped, format!("skipped {name}: {error}"))
            }
            Err(error) => (&self.failed, format!("FAILED {name}: {error:?}")),
        };
        count.set(count.get() + 1);
        println!("{}", line.split_whitespace().collect::<Vec<_>>().join(" "));
    }

    pub fn summary(&self) -> ExitCode {
        let [passed, failed, skipped] = [&self.passed, &self.failed, &self.skipped].map(Cell::get);
        println!("rust: {passed} passed, {failed} failed, {skipped} skipped");
        ExitCode::from(u8::from(failed > 0 || passed == 0))
    }
}

/// Wants an error with this status and code (`None`: any), whose message has these words.
pub fn refused<T, E>(
    answer: Result<T, SdkError<E>>,
    status: u16,
    code: Option<&str>,
    words: &[&str],
) -> Result<()>
where
    E: ProvideErrorMetadata + Debug,
{
    let Err(error) = answer else {
        bail!("was answered, not refused with {code:?}");
    };
    let got = error
        .raw_response()
        .map(|response| response.status().as_u16());
    ensure!(
        got == Some(status),
        "status {status} {code:?} expected: {error:?}"
    );
    if let Some(code) = code {
        ensure!(error.code() == Some(code), "{code} expected: {error:?}");
    }
    for word in words {
        let message = error.message().unwrap_or_default();
        ensure!(message.contains(word), "{word:?} expected in {message:?}");
    }
    Ok(())
}

/// Wants two values to be the same.
pub fn same<T: PartialEq<U> + Debug, U: Debug>(got: T, want: U) -> Result<()> {
    if got == want {
        Ok(())
    } else {
        Err(anyhow!("{got:?} is not {want:?}"))
    }
}

/// Compares without printing a large body.
pub fn same_bytes(got: impl AsRef<[u8]>, want: impl AsRef<[u8]>) -> Result<()> {
    let (got, want) = (got.as_ref(), want.as_ref());
    ensure!(
        got == want,
        "{} bytes that are not the {} expected",
        got.len(),
        want.len()
    );
    Ok(())
}

/// Bytes that look like none others, the same ones for the same seed.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut made = vec![0; length];
    fastrand::Rng::with_seed(seed).fill(&mut made);
    made
}

pub fn md5(of: &[u8]) -> [u8; 16] {
    Md5::digest(of).into()
}

pub fn etag(body: &[u8]) -> String {
    format!("\"{}\"", hex::encode(md5(body)))
}
