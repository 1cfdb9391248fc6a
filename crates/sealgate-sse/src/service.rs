//! Data keys made, wrapped and unwrapped for the objects of S3.

use std::sync::atomic::{AtomicU64, Ordering};

use sealgate_kms::{CachedUse, Call, EncryptionContext, Kms, KmsOptions};
use sealgate_seal::{BodyKeys, Key256, wiping_stack, wrap};
use subtle::ConstantTimeEq;

use crate::bucket_key::{BucketKeys, Kek, Slot};
use crate::envelope::{CustomerOrigin, KmsWrap, WrappedKey};
use crate::{CustomerKey, Envelope, Mode, SseError};

/// Purposes of [`wrap::wrap`], as written in `docs/format.md`.
pub(crate) const UNDER_KEK: &str = "sse-kms dek";
const UNDER_CUSTOMER_KEY: &str = "sse-c dek";
pub(crate) const PLATFORM_S3: &str = "sse-s3 dek";
pub(crate) const PLATFORM_OUTER: &str = "dsse outer dek";
pub(crate) const PLATFORM_ORIGIN: &str = "sse-c origin";

/// Where an object lies. Wrapped keys are bound to it, so an envelope moved to another row of the
/// index opens nothing.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// Account that owns the bucket.
    pub account: &'a str,
    /// Bucket.
    pub bucket: &'a str,
    /// Object key.
    pub key: &'a str,
}

impl Place<'_> {
    /// `arn:aws:s3:::bucket/key`.
    pub fn arn(&self) -> String {
        format!("arn:aws:s3:::{}/{}", self.bucket, self.key)
    }

    pub(crate) fn aad(&self) -> Vec<u8> {
        // Neither an account id nor a bucket name has a slash, so this is unambiguous.
        format!("{}/{}/{}", self.account, self.bucket, self.key).into_bytes()
    }

    pub(crate) fn context(&self, own: &EncryptionContext, bucket_key: bool) -> EncryptionContext {
        let arn = if bucket_key {
            format!("arn:aws:s3:::{}", self.bucket)
        } else {
            self.arn()
        };
        let mut context = own.clone();
        context.insert("aws:s3:arn", arn);
        context
    }
}

/// The encryption that a write uses.
pub enum WriteMode {
    /// SSE-S3.
    S3,
    /// SSE-KMS.
    Kms {
        /// Key id, ARN or alias; `None` is `aws/s3`.
        key_id: Option<String>,
        /// The caller's own pairs.
        context: EncryptionContext,
        /// Wrap under a Bucket Key.
        bucket_key: bool,
    },
    /// DSSE-KMS.
    Dsse {
        /// Key id, ARN or alias; `None` is `aws/s3`.
        key_id: Option<String>,
        /// The caller's own pairs.
        context: EncryptionContext,
    },
    /// SSE-C.
    Customer(CustomerKey),
}

impl WriteMode {
    /// The mode.
    pub fn mode(&self) -> Mode {
        match self {
            Self::S3 => Mode::S3,
            Self::Kms { .. } => Mode::Kms,
            Self::Dsse { .. } => Mode::Dsse,
            Self::Customer(_) => Mode::Customer,
        }
    }

    /// Whether the KMS is asked.
    pub fn needs_kms(&self) -> bool {
        matches!(self, Self::Kms { .. } | Self::Dsse { .. })
    }

    /// The customer's key, under SSE-C.
    pub fn customer_key(&self) -> Option<&CustomerKey> {
        match self {
            Self::Customer(key) => Some(key),
            Self::S3 | Self::Kms { .. } | Self::Dsse { .. } => None,
        }
    }
}

/// The service that turns modes into keys.
pub struct Sse {
    kms: Kms,
    bucket_keys: BucketKeys,
    /// Wraps and unwraps by mode, for the metrics.
    uses: [[AtomicU64; 2]; 4],
}

impl Sse {
    /// Over this KMS.
    pub fn new(kms: Kms) -> Self {
        let KmsOptions {
            material_lifetime,
            material_capacity,
            ..
        } = kms.options();
        Self {
            bucket_keys: BucketKeys::new(kms.root(), *material_lifetime, *material_capacity),
            kms,
            uses: Default::default(),
        }
    }

    /// The ARN of the KMS key that a key id, ARN or alias stands for in an account, if for any.
    pub async fn key_arn(&self, account: &str, key_id: &str) -> Option<String> {
        Some(self.kms.resolve(account, key_id).await.ok()?.arn)
    }

    pub(crate) fn kms(&self) -> &Kms {
        &self.kms
    }

    /// Drop Bucket Keys whose time is over.
    pub fn sweep(&self) {
        self.bucket_keys.sweep();
    }

    /// How often data keys were wrapped and unwrapped, by mode: `(mode, "wrap" | "unwrap", n)`.
    pub fn uses(&self) -> Vec<(Mode, &'static str, u64)> {
        Mode::ALL
            .into_iter()
            .zip(&self.uses)
            .flat_map(|(mode, [wraps, unwraps])| {
                [
                    (mode, "wrap", wraps.load(Ordering::Relaxed)),
                    (mode, "unwrap", unwraps.load(Ordering::Relaxed)),
                ]
            })
            .collect()
    }

    fn count(&self, mode: Mode, unwrap: bool) {
        if let Some(counters) = self.uses.get(mode as usize) {
            counters[usize::from(unwrap)].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Make fresh data keys for a body and wrap them. Under a KMS mode this asks the KMS for
    /// `GenerateDataKey` as the caller; it fails before anything of a body is read.
    pub async fn seal(
        &self,
        call: &Call<'_>,
        place: Place<'_>,
        mode: &WriteMode,
    ) -> Result<(BodyKeys, Envelope), SseError> {
        let keys = match mode {
            WriteMode::Dsse { .. } => BodyKeys::Double {
                inner: Key256::generate(),
                outer: Key256::generate(),
            },
            _ => BodyKeys::Single(Key256::generate()),
        };
        let envelope = self.wrap(call, place, mode, &keys).await?;
        Ok((keys, envelope))
    }

    /// Wrap existing data keys under a mode, as a copy does that leaves the body where it is.
    /// The number of layers must be the mode's ([`Envelope::is_double`]).
    pub async fn wrap(
        &self,
        call: &Call<'_>,
        place: Place<'_>,
        mode: &WriteMode,
        keys: &BodyKeys,
    ) -> Result<Envelope, SseError> {
        wiping_stack(self.wrapped(call, place, mode, keys)).await
    }

    async fn wrapped(
        &self,
        call: &Call<'_>,
        place: Place<'_>,
        mode: &WriteMode,
        keys: &BodyKeys,
    ) -> Result<Envelope, SseError> {
        let aad = place.aad();
        let envelope = match (mode, keys) {
            (WriteMode::S3, BodyKeys::Single(dek)) => Envelope::S3 {
                dek: WrappedKey::new(self.kms.platform_wrap(PLATFORM_S3, &aad, dek.expose())?),
            },
            (
                WriteMode::Kms {
                    key_id,
                    context,
                    bucket_key,
                },
                BodyKeys::Single(dek),
            ) => {
                let wrapped = self
                    .wrap_kms(call, place, key_id.as_deref(), context, *bucket_key, dek)
                    .await?;
                Envelope::Kms(wrapped)
            }
            (WriteMode::Dsse { key_id, context }, BodyKeys::Double { inner, outer }) => {
                Envelope::Dsse {
                    inner: self
                        .wrap_kms(call, place, key_id.as_deref(), context, false, inner)
                        .await?,
                    outer: WrappedKey::new(self.kms.platform_wrap(
                        PLATFORM_OUTER,
                        &aad,
                        outer.expose(),
                    )?),
                }
            }
            (WriteMode::Customer(customer), BodyKeys::Single(dek)) => {
                let key = customer.key().ok_or(SseError::WrongCustomerKey)?;
                let salt = Key256::generate();
                let kek = customer_kek(key, salt.expose(), place);
                Envelope::Customer {
                    check: WrappedKey::new(customer_check(key, salt.expose(), place).to_vec()),
                    dek: WrappedKey::new(wrap::wrap(&kek, UNDER_CUSTOMER_KEY, &aad, dek.expose())),
                    salt: WrappedKey::new(salt.expose().to_vec()),
                    origin: None,
                }
            }
            // One layer asked for where there are two, or the other way round.
            _ => return Err(SseError::Damaged),
        };
        self.count(mode.mode(), false);
        Ok(envelope)
    }

    async fn wrap_kms(
        &self,
        call: &Call<'_>,
        place: Place<'_>,
        key_id: Option<&str>,
        own: &EncryptionContext,
        bucket_key: bool,
        dek: &Key256,
    ) -> Result<KmsWrap, SseError> {
        let managed;
        let key_id = match key_id {
            Some(id) => id,
            None => {
                let account = &call.caller.principal.account_id;
                managed = self.kms.aws_managed_key(account, "s3").await?;
                &managed
            }
        };
        let context = place.context(own, bucket_key);
        let kek = if bucket_key {
            self.bucket_kek(call, key_id, &context).await?
        } else {
            self.new_kek(call, key_id, &context).await?
        };
        Ok(KmsWrap {
            dek: WrappedKey::new(wrap::wrap(&kek.kek, UNDER_KEK, &place.aad(), dek.expose())),
            key: kek.key_arn,
            context: own
                .iter()
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .collect(),
            bucket_key,
            kek: WrappedKey::new(kek.ciphertext),
        })
    }

    async fn new_kek(
        &self,
        call: &Call<'_>,
        key_id: &str,
        context: &EncryptionContext,
    ) -> Result<Kek, SseError> {
        let made = self
            .kms
            .generate_data_key(call, key_id, context, 32)
            .await?;
        let kek = Key256::from_slice(&made.plaintext).ok_or(SseError::Damaged)?;
        Ok(Kek {
            kek,
            ciphertext: made.ciphertext,
            key_arn: made.key_arn,
        })
    }

    async fn bucket_kek(
        &self,
        call: &Call<'_>,
        key_id: &str,
        context: &EncryptionContext,
    ) -> Result<Kek, SseError> {
        let account = &call.caller.principal.account_id;
        let Some(key_arn) = self.key_arn(account, key_id).await else {
            // The KMS itself says what is wrong, in words that tell a stranger nothing.
            return self.new_kek(call, key_id, context).await;
        };
        let slot = Slot::Write {
            principal: call.caller.principal.arn.clone(),
            key_arn,
            context: context.canonical(),
        };
        if let Some(kek) = self.bucket_keys.get(&slot) {
            // By the name that the caller used: policies may ask for an alias.
            self.kms
                .check_cached_use(call, key_id, CachedUse::GenerateDataKey, context)
                .await?;
            return Ok(kek);
        }
        let kek = self.new_kek(call, key_id, context).await?;
        self.bucket_keys.put(slot, &kek);
        Ok(kek)
    }

    /// Unwrap the data keys of a body. Under a KMS mode this asks the KMS for `Decrypt` as the
    /// caller; under SSE-C it needs the customer's key. Nothing of the body is read.
    pub async fn open(
        &self,
        call: &Call<'_>,
        place: Place<'_>,
        envelope: &Envelope,
        customer: Option<&CustomerKey>,
    ) -> Result<BodyKeys, SseError> {
        wiping_stack(self.opened(call, place, envelope, customer)).await
    }

    async fn opened(
        &self,
        call: &Call<'_>,
        place: Place<'_>,
        envelope: &Envelope,
        customer: Option<&CustomerKey>,
    ) -> Result<BodyKeys, SseError> {
        check_customer_key(place, envelope, customer)?;
        let aad = place.aad();
        let keys = match envelope {
            Envelope::S3 { dek } => BodyKeys::Single(self.platform(PLATFORM_S3, &aad, dek)?),
            Envelope::Kms(wrapped) => {
                BodyKeys::Single(self.unwrap_kms(call, place, wrapped).await?)
            }
            Envelope::Dsse { inner, outer } => BodyKeys::Double {
                inner: self.unwrap_kms(call, place, inner).await?,
                outer: self.platform(PLATFORM_OUTER, &aad, outer)?,
            },
            Envelope::Customer {
                salt, dek, origin, ..
            } => {
                if let Some(origin) = origin {
                    self.check_origin(place, origin)?;
                }
                let place = origin.as_ref().map_or(place, CustomerOrigin::place);
                let aad = place.aad();
                let key = customer
                    .and_then(CustomerKey::key)
                    .ok_or(SseError::WrongCustomerKey)?;
                let kek = customer_kek(key, salt.bytes(), place);
                let dek = wrap::unwrap(&kek, UNDER_CUSTOMER_KEY, &aad, dek.bytes())
                    .map_err(|_| SseError::Damaged)?;
                BodyKeys::Single(Key256::from_slice(&dek).ok_or(SseError::Damaged)?)
            }
        };
        self.count(envelope.mode(), true);
        Ok(keys)
    }

    fn platform(&self, purpose: &str, aad: &[u8], key: &WrappedKey) -> Result<Key256, SseError> {
        let key = self.kms.platform_unwrap(purpose, aad, key.bytes())?;
        Key256::from_slice(&key).ok_or(SseError::Damaged)
    }

    async fn unwrap_kms(
        &self,
        call: &Call<'_>,
        place: Place<'_>,
        wrapped: &KmsWrap,
    ) -> Result<Key256, SseError> {
        let own = EncryptionContext::from_pairs(wrapped.context.clone());
        let context = place.context(&own, wrapped.bucket_key);
        let slot = wrapped.bucket_key.then(|| Slot::Read {
            ciphertext: wrapped.kek.bytes().to_vec(),
            context: context.canonical(),
        });
        // An envelope that names another KMS key than the one that was asked goes the long way,
        // on which the KMS finds it.
        let kept = slot
            .as_ref()
            .and_then(|slot| self.bucket_keys.get(slot))
            .filter(|kept| kept.key_arn == wrapped.key);
        let kek = match kept {
            Some(kek) => {
                self.kms
                    .check_cached_use(call, &kek.key_arn, CachedUse::Decrypt, &context)
                    .await?;
                kek
            }
            None => {
                let opened = self
                    .kms
                    .decrypt(call, Some(&wrapped.key), wrapped.kek.bytes(), &context)
                    .await?;
                let kek = Kek {
                    kek: Key256::from_slice(&opened.plaintext).ok_or(SseError::Damaged)?,
                    ciphertext: wrapped.kek.bytes().to_vec(),
                    key_arn: opened.key_arn,
                };
                if let Some(slot) = slot {
                    self.bucket_keys.put(slot, &kek);
                }
                kek
            }
        };
        let dek = wrap::unwrap(&kek.kek, UNDER_KEK, &place.aad(), wrapped.dek.bytes())
            .map_err(|_| SseError::Damaged)?;
        Key256::from_slice(&dek).ok_or(SseError::Damaged)
    }
}

/// Whether the request's customer key (or its absence) fits an object, without opening anything:
/// what HEAD needs to know, too.
pub(crate) fn check_customer_key(
    place: Place<'_>,
    envelope: &Envelope,
    customer: Option<&CustomerKey>,
) -> Result<(), SseError> {
    match (envelope, customer) {
        (Envelope::Customer { .. }, None) => Err(SseError::InvalidRequest(
            "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.",
        )),
        (
            Envelope::Customer {
                salt,
                check,
                origin,
                ..
            },
            Some(customer),
        ) => {
            let place = origin.as_ref().map_or(place, CustomerOrigin::place);
            let key = customer.key().ok_or(SseError::WrongCustomerKey)?;
            let expected = customer_check(key, salt.bytes(), place);
            if bool::from(expected.ct_eq(check.bytes())) {
                Ok(())
            } else {
                Err(SseError::WrongCustomerKey)
            }
        }
        (_, None) => Ok(()),
        (_, Some(_)) => Err(SseError::InvalidRequest(
            "The encryption parameters are not applicable to this object.",
        )),
    }
}

impl Envelope {
    /// Whether the request's customer key (or its absence) fits this object. What HEAD asks, and
    /// what each part of an upload asks before its body is read.
    pub fn check_customer_key(
        &self,
        place: Place<'_>,
        customer: Option<&CustomerKey>,
    ) -> Result<(), SseError> {
        check_customer_key(place, self, customer)
    }
}

fn customer_kek(key: &Key256, salt: &[u8], place: Place<'_>) -> Key256 {
    key.derive(
        salt,
        &[
            b"sealgate v1 sse-c",
            place.account.as_bytes(),
            b"/",
            place.bucket.as_bytes(),
        ],
    )
}

fn customer_check(key: &Key256, salt: &[u8], place: Place<'_>) -> [u8; 32] {
    *key.derive(
        salt,
        &[
            b"sealgate v1 sse-c check",
            place.account.as_bytes(),
            b"/",
            place.bucket.as_bytes(),
        ],
    )
    .expose()
}
