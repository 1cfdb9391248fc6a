//! The hashes over a body. CRCs and XXH are so fast that they run where the data is. MD5 and the SHAs of
//! a large body run on blocking threads, so that the reactor keeps its pace and the cipher runs beside
//! them: batches, at most one of a hash at work and one being gathered; whoever brings more waits. No
//! thread is held between batches, so slow clients do not use up the blocking pool, on which the disk
//! waits too.

use bytes::Bytes;
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

/// The hashes of a body. No algorithm is computed twice: the ETag's MD5 may be the checksum too.
pub(super) struct Hashes {
    /// A checksum that is hashed in place.
    fast: Option<Hasher>,
    lanes: Vec<Lane>,
    fed: u64,
    large: bool,
    checksum: Option<ChecksumAlgorithm>,
}

/// What came out.
pub(super) struct Computed {
    pub(super) md5: Option<[u8; 16]>,
    pub(super) sha256: Option<Vec<u8>>,
    pub(super) checksum: Option<Checksum>,
}

impl Hashes {
    pub(super) fn new(spec: &PayloadSpec) -> Self {
        let checksum = spec.algorithm();
        let mut slow: Vec<_> = checksum.into_iter().filter(|a| !a.is_fast()).collect();
        if spec.want_md5 || spec.content_md5.is_some() {
            slow.push(ChecksumAlgorithm::Md5);
        }
        if matches!(spec.payload, Payload::Sha256(_)) {
            slow.push(ChecksumAlgorithm::Sha256);
        }
        slow.sort();
        slow.dedup();
        Hashes {
            fast: checksum.filter(|a| a.is_fast()).map(Hasher::new),
            lanes: slow.into_iter().map(Hasher::new).map(Lane::new).collect(),
            fed: 0,
            large: spec.decoded_length.is_some_and(|length| length > INLINE),
            checksum,
        }
    }

    pub(super) async fn update(&mut self, data: &Bytes) -> Result<(), PayloadError> {
        if let Some(fast) = &mut self.fast {
            fast.update(data);
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
            checksum: self.fast.map(Hasher::finish),
        };
        for lane in self.lanes {
            let sum = lane.finish().await?.finish();
            match sum.algorithm {
                ChecksumAlgorithm::Md5 => computed.md5 = sum.value.as_slice().try_into().ok(),
                ChecksumAlgorithm::Sha256 => computed.sha256 = Some(sum.value.clone()),
                _ => {}
            }
            if self.checksum == Some(sum.algorithm) {
                computed.checksum = Some(sum);
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
    Rest(Hasher),
    Working(JoinHandle<Hasher>),
    /// While it is handed over; stays only if a job was lost with its runtime.
    Gone,
}

impl Lane {
    fn new(hasher: Hasher) -> Self {
        Lane {
            state: State::Rest(hasher),
            pieces: Vec::new(),
            gathered: 0,
        }
    }

    /// Hashes in place, before anything was handed over.
    fn update(&mut self, data: &[u8]) -> Result<(), PayloadError> {
        match &mut self.state {
            State::Rest(hasher) => {
                hasher.update(data);
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
        let mut hasher = self.rest().await?;
        let pieces = std::mem::take(&mut self.pieces);
        let gathered = std::mem::take(&mut self.gathered);
        let hash = move || {
            for piece in &pieces {
                hasher.update(piece);
            }
            hasher
        };
        self.state = if gathered < TINY {
            State::Rest(hash())
        } else {
            State::Working(tokio::task::spawn_blocking(hash))
        };
        Ok(())
    }

    /// Waits for the batch at work.
    async fn rest(&mut self) -> Result<Hasher, PayloadError> {
        match std::mem::replace(&mut self.state, State::Gone) {
            State::Rest(hasher) => Ok(hasher),
            State::Working(job) => job.await.map_err(|_| PayloadError::Internal),
            State::Gone => Err(PayloadError::Internal),
        }
    }

    async fn finish(mut self) -> Result<Hasher, PayloadError> {
        if !self.pieces.is_empty() {
            self.hand_over().await?;
        }
        self.rest().await
    }
}
