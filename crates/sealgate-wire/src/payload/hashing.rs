//! The hashes over a body. CRCs are so fast that they run where the data is. MD5 and the SHAs of a large
//! body run on blocking threads, so that the reactor keeps its pace and the cipher runs beside them:
//! batches, at most one of a hash at work and one being gathered; whoever brings more waits. No thread is
//! held between batches, so slow clients do not use up the blocking pool, on which the disk waits too.

use bytes::Bytes;
use md5::{Digest as _, Md5};
use tokio::task::JoinHandle;

use super::{PayloadError, PayloadSpec};
use crate::checksum::{Checksum, ChecksumAlgorithm, Hasher};
use crate::sigv4::Payload;

/// Bodies up to this length are hashed in place: a hop would cost more.
const INLINE: u64 = 1024 * 1024;
/// A batch: half a millisecond of MD5.
const BATCH: usize = 256 * 1024;
/// The most pieces in a batch, so that tiny ones do not cost more memory than they hold.
const PIECES: usize = 64;
/// A batch that is not worth a hop.
const TINY: usize = 16 * 1024;

/// The hashes of a body.
pub(super) struct Hashes {
    /// A CRC.
    crc: Option<Hasher>,
    lanes: Vec<Lane>,
    fed: u64,
    large: bool,
    /// The payload's SHA-256 and the checksum are both this one.
    payload_sha256: bool,
    checksum: Option<ChecksumAlgorithm>,
}

/// What came out.
pub(super) struct Computed {
    pub(super) md5: Option<[u8; 16]>,
    pub(super) sha256: Option<Vec<u8>>,
    pub(super) checksum: Option<Checksum>,
}

enum Work {
    Md5(Box<Md5>),
    Sha(Box<Hasher>),
}

impl Work {
    fn update(&mut self, data: &[u8]) {
        match self {
            Work::Md5(md5) => md5.update(data),
            Work::Sha(sha) => sha.update(data),
        }
    }
}

impl Hashes {
    pub(super) fn new(spec: &PayloadSpec) -> Self {
        let checksum = spec.algorithm();
        let payload_sha256 = matches!(spec.payload, Payload::Sha256(_));
        let mut lanes = Vec::new();
        if spec.want_md5 || spec.content_md5.is_some() {
            lanes.push(Lane::new(Work::Md5(Box::default())));
        }
        let mut shas: Vec<_> = checksum.into_iter().filter(|a| !a.is_crc()).collect();
        if payload_sha256 && !shas.contains(&ChecksumAlgorithm::Sha256) {
            shas.push(ChecksumAlgorithm::Sha256);
        }
        for algorithm in shas {
            lanes.push(Lane::new(Work::Sha(Box::new(Hasher::new(algorithm)))));
        }
        Hashes {
            crc: checksum.filter(|a| a.is_crc()).map(Hasher::new),
            lanes,
            fed: 0,
            large: spec.decoded_length.is_some_and(|length| length > INLINE),
            payload_sha256,
            checksum,
        }
    }

    pub(super) async fn update(&mut self, data: &Bytes) -> Result<(), PayloadError> {
        if let Some(crc) = &mut self.crc {
            crc.update(data);
        }
        self.fed += data.len() as u64;
        self.large |= self.fed > INLINE;
        for lane in &mut self.lanes {
            if self.large {
                lane.gather(data).await?;
            } else {
                lane.update(data)?;
            }
        }
        Ok(())
    }

    pub(super) async fn finish(self) -> Result<Computed, PayloadError> {
        let mut computed = Computed {
            md5: None,
            sha256: None,
            checksum: self.crc.map(Hasher::finish),
        };
        for lane in self.lanes {
            match lane.finish().await? {
                Work::Md5(md5) => computed.md5 = Some((*md5).finalize().into()),
                Work::Sha(sha) => {
                    let sum = sha.finish();
                    if self.payload_sha256 && sum.algorithm == ChecksumAlgorithm::Sha256 {
                        computed.sha256 = Some(sum.value.clone());
                    }
                    if self.checksum == Some(sum.algorithm) {
                        computed.checksum = Some(sum);
                    }
                }
            }
        }
        Ok(computed)
    }
}

/// One hash: at rest here, or at work on a blocking thread.
struct Lane {
    state: State,
    pieces: Vec<Bytes>,
    gathered: usize,
}

enum State {
    Rest(Work),
    Working(JoinHandle<Work>),
    /// While it is handed over; stays only if a job was lost with its runtime.
    Gone,
}

impl Lane {
    fn new(work: Work) -> Self {
        Lane {
            state: State::Rest(work),
            pieces: Vec::new(),
            gathered: 0,
        }
    }

    /// Hashes in place, before anything was handed over.
    fn update(&mut self, data: &[u8]) -> Result<(), PayloadError> {
        match &mut self.state {
            State::Rest(work) => {
                work.update(data);
                Ok(())
            }
            _ => Err(PayloadError::Internal),
        }
    }

    async fn gather(&mut self, data: &Bytes) -> Result<(), PayloadError> {
        self.pieces.push(data.clone());
        self.gathered += data.len();
        if self.gathered >= BATCH || self.pieces.len() >= PIECES {
            self.hand_over().await?;
        }
        Ok(())
    }

    async fn hand_over(&mut self) -> Result<(), PayloadError> {
        let mut work = self.rest().await?;
        let pieces = std::mem::take(&mut self.pieces);
        let gathered = std::mem::take(&mut self.gathered);
        let hash = move || {
            for piece in &pieces {
                work.update(piece);
            }
            work
        };
        self.state = if gathered < TINY {
            State::Rest(hash())
        } else {
            State::Working(tokio::task::spawn_blocking(hash))
        };
        Ok(())
    }

    /// Waits for the batch at work.
    async fn rest(&mut self) -> Result<Work, PayloadError> {
        match std::mem::replace(&mut self.state, State::Gone) {
            State::Rest(work) => Ok(work),
            State::Working(job) => job.await.map_err(|_| PayloadError::Internal),
            State::Gone => Err(PayloadError::Internal),
        }
    }

    async fn finish(mut self) -> Result<Work, PayloadError> {
        if !self.pieces.is_empty() {
            self.hand_over().await?;
        }
        self.rest().await
    }
}
