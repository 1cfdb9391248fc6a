//! What every index has to do, whatever it is made of. The tests know only the public interface; another
//! implementation runs them by opening itself in [`support::fresh`].
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod buckets;
mod configurations;
mod listing;
mod listing_model;
mod locks;
mod outbox;
mod quotas;
mod records;
mod references;
mod replicas;
mod support;
mod trail;
mod uploads;
mod version_model;
mod versioning;
mod versions;
