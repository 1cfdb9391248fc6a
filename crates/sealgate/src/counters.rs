//! What other parts of the gateway count, brought to the metrics when they are read.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use sealgate_blobs::BlobStore;
use sealgate_kms::Kms;
use sealgate_s3::IntegrityFailures;
use sealgate_s3::lifecycle::Lifecycle;
use sealgate_sse::Sse;

/// The parts that count.
pub struct Counters {
    /// Calls by operation and outcome.
    pub kms: Kms,
    /// Wraps and unwraps of data keys by mode.
    pub sse: Arc<Sse>,
    /// Bodies that did not verify.
    pub integrity_failures: IntegrityFailures,
    /// Part buffers of a remote store.
    pub blobs: BlobStore,
    /// What lifecycle rules did.
    pub lifecycle: Lifecycle,
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counters")
    }
}

impl Collector for Counters {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let zero = ConstCounter::new(0u64);

        let help = "Calls to the KMS, by operation and outcome";
        let mut family = encoder.encode_descriptor("kms_calls", help, None, zero.metric_type())?;
        for (operation, outcome, count) in self.kms.outcomes() {
            let labels = [("operation", operation), ("outcome", outcome)];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }

        let help = "Data keys wrapped (write) and unwrapped (read), by encryption mode";
        let mut family =
            encoder.encode_descriptor("data_key_uses", help, None, zero.metric_type())?;
        for (mode, direction, count) in self.sse.uses() {
            let labels = [("mode", mode.as_str()), ("direction", direction)];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }

        let help = "Bodies that did not verify when they were read: damaged or tampered with";
        let failures = ConstCounter::new(self.integrity_failures.count());
        let metric =
            encoder.encode_descriptor("integrity_failures", help, None, failures.metric_type())?;
        failures.encode(metric)?;

        let help = "What lifecycle rules did, by action";
        let name = "lifecycle_actions";
        let mut family = encoder.encode_descriptor(name, help, None, zero.metric_type())?;
        for (action, count) in self.lifecycle.actions() {
            ConstCounter::new(count).encode(family.encode_family(&[("action", action)])?)?;
        }
        let help = "Versions that lifecycle rules were asked about";
        let scanned = ConstCounter::new(self.lifecycle.scanned());
        let metric =
            encoder.encode_descriptor("lifecycle_scanned", help, None, scanned.metric_type())?;
        scanned.encode(metric)?;
        let help = "Bytes of objects removed for good by lifecycle rules";
        let removed = ConstCounter::new(self.lifecycle.bytes());
        let unit = Some(&Unit::Bytes);
        let metric =
            encoder.encode_descriptor("lifecycle_removed", help, unit, removed.metric_type())?;
        removed.encode(metric)?;
        let help = "Time that lifecycle passes worked";
        let worked = ConstCounter::new(self.lifecycle.worked().as_secs_f64());
        let unit = Some(&Unit::Seconds);
        let metric =
            encoder.encode_descriptor("lifecycle_work", help, unit, worked.metric_type())?;
        worked.encode(metric)?;

        if let Some((used, total)) = self.blobs.part_buffers() {
            let help = "Part buffers for uploads to the store, in use and in all";
            let gauge = |value: usize| ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            let mut family =
                encoder.encode_descriptor("part_buffers", help, None, gauge(0).metric_type())?;
            for (state, value) in [("used", used), ("total", total)] {
                gauge(value).encode(family.encode_family(&[("state", state)])?)?;
            }
        }
        Ok(())
    }
}
