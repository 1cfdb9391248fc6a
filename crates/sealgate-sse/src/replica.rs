//! Envelopes of replicas: the data keys stay, and with them the body; they are wrapped for another place, in the mode
//! that the original has.

use sealgate_kms::{Call, CryptoOptions, EncryptionContext};
use sealgate_seal::{BodyKeys, Key256, wiping_stack, wrap};

use crate::envelope::{CustomerOrigin, KmsWrap, WrappedKey};
use crate::service::{PLATFORM_ORIGIN, PLATFORM_OUTER, UNDER_KEK};
use crate::{Envelope, Place, Sse, SseError, WriteMode};

impl CustomerOrigin {
    pub(crate) fn place(&self) -> Place<'_> {
        Place {
            account: &self.account,
            bucket: &self.bucket,
            key: &self.key,
        }
    }
}

/// The KMS key of a replica.
#[derive(Debug, Clone, Copy)]
pub struct ReplicaKey<'a> {
    /// Key id, ARN or alias.
    pub key_id: &'a str,
    /// Whether its use is bound to the bucket and not to the object, as with a Bucket Key.
    pub bucket_key: bool,
}

impl Sse {
    /// Wrap the data keys of an object for its replica. Under a KMS mode this asks the KMS for `Encrypt` as the
    /// caller, as
    /// [S3](https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html) does, and
    /// needs a key. [`SseError::WrongCustomerKey`] under SSE-C: only who has the key can wrap anything under it.
    pub async fn wrap_replica(
        &self,
        call: &Call<'_>,
        place: Place<'_>,
        original: &Envelope,
        keys: &BodyKeys,
        key: Option<ReplicaKey<'_>>,
    ) -> Result<Envelope, SseError> {
        const KEY_NEEDED: &str = "A replica under a KMS mode needs a KMS key.";
        let key = || key.ok_or(SseError::InvalidRequest(KEY_NEEDED));
        match (original, keys) {
            (Envelope::S3 { .. }, _) => self.wrap(call, place, &WriteMode::S3, keys).await,
            (Envelope::Kms(wrap), BodyKeys::Single(dek)) => {
                let wrap = self.encrypted(call, place, wrap, key()?, dek);
                Ok(Envelope::Kms(wiping_stack(wrap).await?))
            }
            (Envelope::Dsse { inner: wrap, .. }, BodyKeys::Double { inner, outer }) => {
                let key = ReplicaKey {
                    bucket_key: false,
                    ..key()?
                };
                let aad = place.aad();
                Ok(Envelope::Dsse {
                    inner: wiping_stack(self.encrypted(call, place, wrap, key, inner)).await?,
                    outer: WrappedKey::new(self.kms().platform_wrap(
                        PLATFORM_OUTER,
                        &aad,
                        outer.expose(),
                    )?),
                })
            }
            (Envelope::Customer { .. }, _) => Err(SseError::WrongCustomerKey),
            _ => Err(SseError::Damaged),
        }
    }

    /// The envelope of an object under SSE-C for its replica: the customer's key opens it there, too.
    pub fn moved_customer(
        &self,
        from: Place<'_>,
        to: Place<'_>,
        original: &Envelope,
    ) -> Result<Envelope, SseError> {
        let Envelope::Customer {
            salt,
            check,
            dek,
            origin,
        } = original
        else {
            return Err(SseError::Damaged);
        };
        if let Some(origin) = origin {
            self.check_origin(from, origin)?;
        }
        let first = origin.as_ref().map_or(from, CustomerOrigin::place);
        let seal = self
            .kms()
            .platform_wrap(PLATFORM_ORIGIN, &to.aad(), &first.aad())?;
        Ok(Envelope::Customer {
            salt: salt.clone(),
            check: check.clone(),
            dek: dek.clone(),
            origin: Some(CustomerOrigin {
                account: first.account.to_owned(),
                bucket: first.bucket.to_owned(),
                key: first.key.to_owned(),
                seal: WrappedKey::new(seal),
            }),
        })
    }

    /// Whether it was the gateway that said where a replica at this place is from.
    pub(crate) fn check_origin(
        &self,
        place: Place<'_>,
        origin: &CustomerOrigin,
    ) -> Result<(), SseError> {
        let (aad, seal) = (place.aad(), origin.seal.bytes());
        let said = self.kms().platform_unwrap(PLATFORM_ORIGIN, &aad, seal)?;
        if *said == origin.place().aad() {
            Ok(())
        } else {
            Err(SseError::Damaged)
        }
    }

    /// A data key under a new key-encryption key, and that one under the KMS key.
    async fn encrypted(
        &self,
        call: &Call<'_>,
        place: Place<'_>,
        original: &KmsWrap,
        key: ReplicaKey<'_>,
        dek: &Key256,
    ) -> Result<KmsWrap, SseError> {
        let own = EncryptionContext::from_pairs(original.context.clone());
        let context = place.context(&own, key.bucket_key);
        let kek = Key256::generate();
        let options = CryptoOptions::default();
        let made = self
            .kms()
            .encrypt(call, key.key_id, kek.expose(), &context, &options)
            .await?;
        Ok(KmsWrap {
            key: made.key_arn,
            context: original.context.clone(),
            bucket_key: key.bucket_key,
            kek: WrappedKey::new(made.ciphertext),
            dek: WrappedKey::new(wrap::wrap(&kek, UNDER_KEK, &place.aad(), dek.expose())),
        })
    }
}
