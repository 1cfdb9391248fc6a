//! What Prometheus reads. Every label has a bounded set of values: none comes from a client.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
// From a lookup in memory to the upload of a large part.
use sealgate_series::LATENCY_BUCKETS;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    service: &'static str,
    operation: &'static str,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    service: &'static str,
    operation: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ServiceLabels {
    service: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RemovedLabels {
    reason: &'static str,
}

/// A finished request, as the metrics see it.
pub struct FinishedRequest {
    /// `s3`, `kms`, … or `gateway`.
    pub service: &'static str,
    /// Name of the operation.
    pub operation: &'static str,
    /// Status of the answer.
    pub status: u16,
    /// Bytes of the body that came.
    pub bytes_in: u64,
    /// Bytes of the body that went.
    pub bytes_out: u64,
    /// From the headers to the last byte of the answer.
    pub duration: Duration,
}

/// The counters of this process. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    requests: Family<RequestLabels, Counter>,
    latency: Family<OperationLabels, Histogram>,
    bytes_in: Family<ServiceLabels, Counter>,
    bytes_out: Family<ServiceLabels, Counter>,
    in_flight: Gauge,
    connections: Gauge,
    removed: Family<RemovedLabels, Counter>,
}

impl Metrics {
    /// Registers everything. `more` adds what other parts of the gateway count.
    pub fn new(more: impl FnOnce(&mut Registry)) -> Metrics {
        let requests = Family::<RequestLabels, Counter>::default();
        let latency =
            Family::new_with_constructor((|| Histogram::new(LATENCY_BUCKETS)) as fn() -> Histogram);
        let bytes_in = Family::<ServiceLabels, Counter>::default();
        let bytes_out = Family::<ServiceLabels, Counter>::default();
        let (in_flight, connections) = (Gauge::default(), Gauge::default());
        let removed = Family::<RemovedLabels, Counter>::default();

        let mut registry = Registry::with_prefix("sealgate");
        registry.register(
            "build",
            "What runs here",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
        );
        registry.register("requests", "Requests answered", requests.clone());
        registry.register_with_unit(
            "request_duration",
            "From the headers of a request to the last byte of its answer",
            Unit::Seconds,
            latency.clone(),
        );
        registry.register_with_unit("received", "Request bodies", Unit::Bytes, bytes_in.clone());
        registry.register_with_unit("sent", "Answer bodies", Unit::Bytes, bytes_out.clone());
        registry.register(
            "requests_in_flight",
            "Requests being answered",
            in_flight.clone(),
        );
        registry.register("connections", "Open connections", connections.clone());
        registry.register(
            "blobs_removed",
            "Blobs deleted from the store, by reason",
            removed.clone(),
        );
        more(&mut registry);

        Metrics {
            registry: Arc::new(registry),
            requests,
            latency: Family::clone(&latency),
            bytes_in,
            bytes_out,
            in_flight,
            connections,
            removed,
        }
    }

    /// A request has come; it is in flight until the guard is dropped.
    pub fn request_started(&self) -> GaugeGuard {
        GaugeGuard::new(&self.in_flight)
    }

    /// A connection is open until the guard is dropped.
    pub fn connection_opened(&self) -> GaugeGuard {
        GaugeGuard::new(&self.connections)
    }

    /// Counts a finished request.
    pub fn request_finished(&self, request: &FinishedRequest) {
        let FinishedRequest {
            service,
            operation,
            status,
            ..
        } = *request;
        self.requests
            .get_or_create(&RequestLabels {
                service,
                operation,
                status,
            })
            .inc();
        self.latency
            .get_or_create(&OperationLabels { service, operation })
            .observe(request.duration.as_secs_f64());
        self.bytes_in
            .get_or_create(&ServiceLabels { service })
            .inc_by(request.bytes_in);
        self.bytes_out
            .get_or_create(&ServiceLabels { service })
            .inc_by(request.bytes_out);
    }

    /// Counts blobs that were deleted because newer versions replaced them.
    pub fn garbage_removed(&self, count: u64) {
        self.removed
            .get_or_create(&RemovedLabels { reason: "replaced" })
            .inc_by(count);
    }

    /// Counts blobs that were deleted because no row ever referred to them.
    pub fn orphans_removed(&self, count: u64) {
        self.removed
            .get_or_create(&RemovedLabels { reason: "orphan" })
            .inc_by(count);
    }

    /// The OpenMetrics text.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Keeps a gauge up by one.
pub struct GaugeGuard(Gauge);

impl GaugeGuard {
    fn new(gauge: &Gauge) -> GaugeGuard {
        gauge.inc();
        GaugeGuard(gauge.clone())
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn requests_are_counted_by_service_operation_and_status() {
        let metrics = Metrics::new(|_| {});
        let guard = metrics.request_started();
        assert!(
            metrics
                .encode()
                .unwrap()
                .contains("sealgate_requests_in_flight 1")
        );
        drop(guard);
        metrics.request_finished(&FinishedRequest {
            service: "s3",
            operation: "GetObject",
            status: 200,
            bytes_in: 0,
            bytes_out: 5,
            duration: Duration::from_millis(3),
        });
        metrics.garbage_removed(2);
        let text = metrics.encode().unwrap();
        for line in [
            "sealgate_requests_total{service=\"s3\",operation=\"GetObject\",status=\"200\"} 1",
            "sealgate_sent_bytes_total{service=\"s3\"} 5",
            "sealgate_requests_in_flight 0",
            "sealgate_blobs_removed_total{reason=\"replaced\"} 2",
            "sealgate_request_duration_seconds_count{service=\"s3\",operation=\"GetObject\"} 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
