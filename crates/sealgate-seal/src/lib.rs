//! The sealed format, version 1: how a body becomes a blob and comes back, and how keys are
//! wrapped. Pure: no I/O, no knowledge of what a body is. `docs/format.md` is the specification.
//!
//! ```
//! use sealgate_seal::{BodyKeys, Key256, OpenStream, SealStream};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = BodyKeys::Single(Key256::generate());
//! let mut sealing = SealStream::new(&keys, 0);
//! sealing.push(b"attack at ")?;
//! sealing.push(b"dawn")?;
//! sealing.finish()?;
//! let blob = sealing.output().split();
//!
//! // A range costs the segments that it touches.
//! let (header, _) = blob.split_at(keys.layers().header_len());
//! let mut opening = OpenStream::new(&keys, 0, header, 14, 10..14)?;
//! let sealed = opening.sealed_range();
//! opening.push(&blob[sealed.start as usize..sealed.end as usize])?;
//! opening.finish()?;
//! assert_eq!(opening.output().as_ref(), b"dawn");
//! # Ok(())
//! # }
//! ```

mod error;
mod header;
mod key;
mod layout;
mod nonce;
mod open;
mod random;
mod seal;
mod segment;
mod stack;
#[cfg(test)]
mod vectors;
pub mod wrap;

pub use error::{OpenError, SealError};
pub use header::hash as header_hash;
pub use key::{BodyKeys, Key256};
pub use layout::{Layers, MAX_PLAIN_LEN, SEGMENT_SIZE, TAG_SIZE, sealed_range};
pub use open::{OpenStream, open_all};
pub use seal::{SealStream, seal_all};
pub use stack::{wipe_stack, wiping_stack};
