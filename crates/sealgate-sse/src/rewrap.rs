//! Envelopes moved to newer keys: the data key stays, only its wrapping changes, and the body is not
//! touched.

use sealgate_kms::EncryptionContext;

use crate::envelope::{CustomerOrigin, KmsWrap, WrappedKey};
use crate::service::{PLATFORM_ORIGIN, PLATFORM_OUTER, PLATFORM_S3};
use crate::{Envelope, Place, Sse, SseError};

impl Sse {
    /// The envelope under the newest versions of its keys, or, where a KMS key wraps it, under the key
    /// `to` (an ARN). `None` if there is nothing to change: it is the newest, or the customer's own.
    ///
    /// Asked by the operator of the gateway; no permission of a caller is judged, states of keys are.
    pub async fn rewrap(
        &self,
        place: Place<'_>,
        envelope: &Envelope,
        to: Option<&str>,
    ) -> Result<Option<Envelope>, SseError> {
        let aad = place.aad();
        let platform = |purpose, key: &WrappedKey| {
            let again = self.kms().platform_rewrap(purpose, &aad, key.bytes())?;
            Ok::<_, SseError>(again.map(WrappedKey::new))
        };
        Ok(match envelope {
            Envelope::S3 { dek } => platform(PLATFORM_S3, dek)?.map(|dek| Envelope::S3 { dek }),
            Envelope::Kms(wrap) => self.rewrap_kms(place, wrap, to).await?.map(Envelope::Kms),
            Envelope::Dsse { inner, outer } => {
                let new_inner = self.rewrap_kms(place, inner, to).await?;
                let new_outer = platform(PLATFORM_OUTER, outer)?;
                (new_inner.is_some() || new_outer.is_some()).then(|| Envelope::Dsse {
                    inner: new_inner.unwrap_or_else(|| inner.clone()),
                    outer: new_outer.unwrap_or_else(|| outer.clone()),
                })
            }
            Envelope::Customer { origin: None, .. } => None,
            Envelope::Customer {
                salt,
                check,
                dek,
                origin: Some(origin),
            } => platform(PLATFORM_ORIGIN, &origin.seal)?.map(|seal| Envelope::Customer {
                salt: salt.clone(),
                check: check.clone(),
                dek: dek.clone(),
                origin: Some(CustomerOrigin {
                    seal,
                    ..origin.clone()
                }),
            }),
        })
    }

    async fn rewrap_kms(
        &self,
        place: Place<'_>,
        wrap: &KmsWrap,
        to: Option<&str>,
    ) -> Result<Option<KmsWrap>, SseError> {
        let own = EncryptionContext::from_pairs(wrap.context.clone());
        let context = place.context(&own, wrap.bucket_key);
        let moved = self.kms().rewrap(wrap.kek.bytes(), &context, to).await?;
        Ok(moved.map(|moved| KmsWrap {
            key: moved.key_arn,
            kek: WrappedKey::new(moved.ciphertext),
            ..wrap.clone()
        }))
    }
}
