//! Digests of a stored body, for copies that owe an MD5 or a checksum that is not known yet.

use sealgate_wire::checksum::{Checksum, ChecksumAlgorithm, Hasher};

use crate::error::{Code, Result};
use crate::reader::ObjectReader;

/// What is to be computed over one reading.
pub(crate) struct Wanted {
    pub(crate) md5: bool,
    pub(crate) checksum: Option<ChecksumAlgorithm>,
}

impl Wanted {
    pub(crate) fn any(&self) -> bool {
        self.md5 || self.checksum.is_some()
    }
}

/// Hashes plaintext away from the async workers: MD5 is slower than everything else on the way.
pub(crate) struct Digester {
    sender: tokio::sync::mpsc::Sender<bytes::Bytes>,
    result: tokio::task::JoinHandle<(Option<[u8; 16]>, Option<Checksum>)>,
}

impl Digester {
    pub(crate) fn start(wanted: &Wanted) -> Self {
        let (sender, mut receiver) = tokio::sync::mpsc::channel::<bytes::Bytes>(4);
        let (md5, checksum) = (wanted.md5, wanted.checksum);
        let mut algorithms: Vec<_> = md5
            .then_some(ChecksumAlgorithm::Md5)
            .into_iter()
            .chain(checksum)
            .collect();
        algorithms.dedup();
        let mut hashers: Vec<_> = algorithms.into_iter().map(Hasher::new).collect();
        let result = tokio::task::spawn_blocking(move || {
            while let Some(bytes) = receiver.blocking_recv() {
                for hasher in &mut hashers {
                    hasher.update(&bytes);
                }
            }
            let sums: Vec<_> = hashers.into_iter().map(Hasher::finish).collect();
            let of = |algorithm| sums.iter().find(|sum| sum.algorithm == algorithm).cloned();
            let md5 = of(ChecksumAlgorithm::Md5).filter(|_| md5);
            (
                md5.and_then(|sum| sum.value.try_into().ok()),
                checksum.and_then(of),
            )
        });
        Self { sender, result }
    }

    pub(crate) async fn update(&self, bytes: bytes::Bytes) -> Result<()> {
        self.sender
            .send(bytes)
            .await
            .map_err(|_| Code::InternalError.into())
    }

    pub(crate) async fn finish(self) -> Result<(Option<[u8; 16]>, Option<Checksum>)> {
        drop(self.sender);
        self.result.await.map_err(|_| Code::InternalError.into())
    }
}

/// Read a body to its end for its digests.
pub(crate) async fn of(
    mut reader: ObjectReader,
    wanted: &Wanted,
) -> Result<(Option<[u8; 16]>, Option<Checksum>)> {
    let digester = Digester::start(wanted);
    while let Some(bytes) = reader.next().await? {
        digester.update(bytes).await?;
    }
    digester.finish().await
}
