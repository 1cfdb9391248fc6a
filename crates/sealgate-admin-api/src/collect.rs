//! Reading a request body whole: small, bounded, and not for ever.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use thiserror::Error;

/// The largest request of any of these APIs (a policy of 128 KiB, form-encoded) is well below.
pub const MAX_BODY: usize = 1 << 20;
/// A megabyte takes no longer, except from somebody who holds the connection on purpose.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a body was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BodyFault {
    /// Larger than [`MAX_BODY`].
    #[error("The request body is larger than {MAX_BODY} bytes.")]
    TooLarge,
    /// It broke off.
    #[error("The request body ended before it was complete.")]
    Incomplete,
    /// It did not come in time.
    #[error("The request body was not received in time.")]
    TooSlow,
}

impl BodyFault {
    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            BodyFault::TooLarge => 413,
            BodyFault::Incomplete => 400,
            BodyFault::TooSlow => 408,
        }
    }
}

/// Reads a body of at most [`MAX_BODY`] bytes.
pub async fn collect<B>(body: B) -> Result<Bytes, BodyFault>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    match tokio::time::timeout(PATIENCE, Limited::new(body, MAX_BODY).collect()).await {
        Err(_) => Err(BodyFault::TooSlow),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyFault::TooLarge),
        Ok(Err(_)) => Err(BodyFault::Incomplete),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use http_body_util::Full;

    #[tokio::test]
    async fn a_body_is_taken_up_to_the_limit() {
        let at = collect(Full::new(Bytes::from(vec![0; MAX_BODY]))).await;
        assert_eq!(at.unwrap().len(), MAX_BODY);
        let over = collect(Full::new(Bytes::from(vec![0; MAX_BODY + 1]))).await;
        assert_eq!(over.unwrap_err(), BodyFault::TooLarge);
    }
}
