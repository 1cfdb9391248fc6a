//! Signed heads: now and then the newest link of the chain is signed. Who could rewrite the whole chain
//! could not sign it again, and the heads say how long the trail was at least.
//!
//! A head is kept twice: in the index, and in a file of lines that is only ever appended to, so that an
//! index of yesterday put in place of today's is noticed.

use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use sealgate_index::{Expect, Index, RecordWrite, TrailState};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;

use crate::error::AuditError;
use crate::keys::{HeadPublicKey, Keys};

const NAMESPACE: &str = "audit/head";
const PAGE: usize = 1000;

/// The end of the trail at some moment, signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// 1, 2, 3, …: none may be missing.
    pub number: u64,
    /// Sequence of the newest record then.
    pub sequence: i64,
    /// Records of the trail then.
    pub count: i64,
    /// When it was signed.
    #[serde(with = "time::serde::timestamp")]
    pub time: OffsetDateTime,
    /// The chain's value at that record, in hexadecimal digits.
    pub chain: String,
    /// Ed25519 over [`Head::message`], in hexadecimal digits.
    #[serde(default)]
    pub signature: String,
}

impl Head {
    /// What is signed: lines of text, as `docs/security.md` shows them.
    #[must_use]
    pub fn message(&self) -> String {
        format!(
            "sealgate audit head v1\n{}\n{}\n{}\n{}\n{}\n",
            self.number,
            self.sequence,
            self.count,
            self.time.unix_timestamp(),
            self.chain
        )
    }

    pub(crate) fn is_signed_by(&self, key: &HeadPublicKey) -> bool {
        hex::decode(&self.signature)
            .is_ok_and(|signature| key.verifies(self.message().as_bytes(), &signature))
    }
}

/// Signs heads when they are due.
pub(crate) struct Heads {
    index: Index,
    file: Option<PathBuf>,
    period: Duration,
    records: i64,
    /// The newest head. Held while one is made.
    newest: Mutex<Option<Head>>,
}

impl Heads {
    /// Opens what is there. Heads that a crash kept out of the file are added to it.
    pub(crate) async fn open(
        index: Index,
        file: Option<PathBuf>,
        period: Duration,
        records: i64,
    ) -> Result<Heads, AuditError> {
        let stored = load(&index).await?;
        if let Some(path) = &file {
            let written = read_file(path)?;
            let last = written.last().map_or(0, |head| head.number);
            for head in stored.iter().filter(|head| head.number > last) {
                append_to_file(path, head)?;
            }
            if last > stored.last().map_or(0, |head| head.number) {
                tracing::error!(
                    "the file of audit heads knows of more than the index: the index is older than it should be, or was changed"
                );
            }
        }
        Ok(Heads {
            index,
            file,
            period,
            records,
            newest: Mutex::new(stored.into_iter().last()),
        })
    }

    /// The newest head.
    pub(crate) async fn newest(&self) -> Option<Head> {
        self.newest.lock().await.clone()
    }

    /// The file of heads.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        self.file.clone()
    }

    /// Signs a head if one is due: a period after the last, or after so many records.
    pub(crate) async fn sign_due(
        &self,
        keys: &Keys,
        now: OffsetDateTime,
    ) -> Result<Option<Head>, AuditError> {
        let state = self.index.trail_state().await?;
        let due = match &*self.newest.lock().await {
            None => true,
            Some(newest) => {
                state.last - newest.sequence >= self.records || now - newest.time >= self.period
            }
        };
        if due {
            self.sign(keys, now).await
        } else {
            Ok(None)
        }
    }

    /// Signs the end of the trail, unless the newest head does already.
    pub(crate) async fn sign(
        &self,
        keys: &Keys,
        now: OffsetDateTime,
    ) -> Result<Option<Head>, AuditError> {
        let mut newest = self.newest.lock().await;
        let TrailState { last, chain, .. } = self.index.trail_state().await?;
        let (number, sequence, count) = newest
            .as_ref()
            .map_or((0, 0, 0), |head| (head.number, head.sequence, head.count));
        if last <= sequence {
            return Ok(None);
        }
        let mut head = Head {
            number: number + 1,
            sequence: last,
            count: count + self.index.trail_count(sequence, last).await?,
            time: now,
            chain: hex::encode(chain),
            signature: String::new(),
        };
        let signature = keys
            .head()
            .await?
            .try_sign(head.message().as_bytes())
            .map_err(|_| AuditError::Signing)?;
        head.signature = hex::encode(signature);
        let write = RecordWrite {
            ns: NAMESPACE.to_owned(),
            id: id(head.number),
            expect: Expect::Absent,
            body: Some(to_json(&head)?.into()),
        };
        self.index.write_records(vec![write]).await?;
        *newest = Some(head.clone());
        if let Some(path) = &self.file {
            append_to_file(path, &head)?;
        }
        Ok(Some(head))
    }
}

/// Ids in the order of numbers.
fn id(number: u64) -> String {
    format!("{number:012}")
}

fn to_json(head: &Head) -> Result<Vec<u8>, AuditError> {
    serde_json::to_vec(head).map_err(|_| AuditError::Damaged("a head"))
}

/// The heads in the index, in their order.
pub(crate) async fn load(index: &Index) -> Result<Vec<Head>, AuditError> {
    let mut heads = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = index.records(NAMESPACE, "", after.as_deref(), PAGE).await?;
        for record in &page {
            heads.push(
                serde_json::from_slice(&record.body).map_err(|_| AuditError::Damaged("a head"))?,
            );
        }
        after = page.last().map(|record| record.id.clone());
        if page.len() < PAGE {
            return Ok(heads);
        }
    }
}

/// The heads in the file; none if there is no file. A last line that a crash cut off is not one.
pub(crate) fn read_file(path: &Path) -> Result<Vec<Head>, AuditError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(AuditError::HeadsFile(error.to_string())),
    };
    let mut heads = Vec::new();
    for line in text.split_inclusive('\n') {
        match serde_json::from_str(line) {
            Ok(head) => heads.push(head),
            Err(_) if !line.ends_with('\n') || line.trim().is_empty() => {}
            Err(_) => return Err(AuditError::Damaged("a line of the file of heads")),
        }
    }
    Ok(heads)
}

/// Adds a line. What a crash left of an unfinished one is cut off first.
fn append_to_file(path: &Path, head: &Head) -> Result<(), AuditError> {
    let mut line = to_json(head)?;
    line.push(b'\n');
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        file.set_len(whole as u64)?;
        file.seek(std::io::SeekFrom::End(0))?;
        file.write_all(&line)?;
        file.sync_all()
    };
    write().map_err(|error| AuditError::HeadsFile(error.to_string()))
}
