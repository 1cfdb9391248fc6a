//! One sample: what was counted in a span of time.

use crate::exposition::Metric;

/// The upper bounds of the latency histogram of the metrics, in seconds; behind the last there is no bound.
pub const LATENCY_BUCKETS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0,
];
/// Of a sample, at most.
pub(crate) const COLUMNS: usize = 28;
const LATENCY: usize = 12;

/// A figure of a sample. Their places are part of the format of the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Column {
    /// Requests that were done.
    Done = 0,
    /// Requests that were redirected, or answered by what the client has.
    Redirected = 1,
    /// Requests that the client was refused, or gave up.
    Refused = 2,
    /// Requests that failed here.
    Failed = 3,
    /// Bytes of bodies that came.
    Received = 4,
    /// Bytes of bodies that went.
    Sent = 5,
    /// Calls of the KMS that succeeded.
    KmsDone = 6,
    /// Calls of the KMS that did not.
    KmsFailed = 7,
    /// Data keys that were wrapped.
    Wrapped = 8,
    /// Data keys that were unwrapped.
    Unwrapped = 9,
    /// Bodies that did not verify.
    Unverified = 10,
    /// Open connections at the end of the span, the most of them.
    Connections = 11,
}

/// What was counted since the process began, as its metrics say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals([u64; COLUMNS]);

impl Totals {
    /// Of the text of metrics. Requests for probes, metrics and pages of the console are none of a client's.
    #[must_use]
    pub fn of(metrics: &[Metric]) -> Totals {
        let mut totals = [0u64; COLUMNS];
        let mut add = |place: usize, value: f64| {
            if let Some(total) = totals.get_mut(place) {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "counts; what is none becomes 0"
                )]
                let value = value as u64;
                *total = total.saturating_add(value);
            }
        };
        for metric in metrics {
            let value = metric.value;
            let ours = matches!(metric.label("service"), "gateway" | "console");
            let Some(name) = metric.name.strip_prefix("sealgate_") else {
                continue;
            };
            let place = match name {
                "requests_total" if !ours => match metric.label("status").as_bytes().first() {
                    Some(b'2') => Column::Done,
                    Some(b'3') => Column::Redirected,
                    Some(b'4') => Column::Refused,
                    _ => Column::Failed,
                },
                "received_bytes_total" if !ours => Column::Received,
                "sent_bytes_total" if !ours => Column::Sent,
                "kms_calls_total" => match metric.label("outcome") {
                    "OK" => Column::KmsDone,
                    _ => Column::KmsFailed,
                },
                "data_key_uses_total" => match metric.label("direction") {
                    "wrap" => Column::Wrapped,
                    _ => Column::Unwrapped,
                },
                "integrity_failures_total" => Column::Unverified,
                "connections" => Column::Connections,
                "request_duration_seconds_bucket" if !ours => {
                    let bound = metric.label("le").parse().unwrap_or(f64::INFINITY);
                    let known = LATENCY_BUCKETS.iter().position(|known| *known == bound);
                    add(LATENCY + known.unwrap_or(LATENCY_BUCKETS.len()), value);
                    continue;
                }
                _ => continue,
            };
            add(place as usize, value);
        }
        Totals(totals)
    }

    /// What was counted since `before`. A count that is lower than before began anew.
    #[must_use]
    pub fn since(&self, before: &Totals) -> Sample {
        let mut sample = Sample::default();
        let columns = sample.columns.iter_mut().zip(self.0.iter().zip(before.0));
        for (place, (column, (now, before))) in columns.enumerate() {
            *column = match now.checked_sub(before) {
                _ if place == Column::Connections as usize => *now,
                Some(grown) => grown,
                None => *now,
            };
        }
        sample
    }
}

/// What was counted in a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sample {
    /// Seconds since 1970 at which the span begins.
    pub time: u64,
    /// Milliseconds that were counted for.
    pub millis: u32,
    pub(crate) columns: [u64; COLUMNS],
}

impl Sample {
    /// A figure.
    #[must_use]
    pub fn get(&self, column: Column) -> u64 {
        self.columns
            .get(column as usize)
            .copied()
            .unwrap_or_default()
    }

    /// A figure for each second.
    #[must_use]
    pub fn rate(&self, column: Column) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
        let count = self.get(column) as f64;
        if self.millis == 0 {
            return 0.0;
        }
        count * 1000.0 / f64::from(self.millis)
    }

    /// Requests of all kinds.
    #[must_use]
    pub fn requests(&self) -> u64 {
        let kinds = [
            Column::Done,
            Column::Redirected,
            Column::Refused,
            Column::Failed,
        ];
        kinds
            .iter()
            .map(|kind| self.get(*kind))
            .fold(0, u64::saturating_add)
    }

    /// The latency in seconds below which this part of the requests was; between the bounds of a bucket it is
    /// taken as even. `None` without requests.
    #[must_use]
    pub fn latency(&self, part: f64) -> Option<f64> {
        // Counts are those of all buckets below, too.
        let counts = self
            .columns
            .get(LATENCY..=LATENCY + LATENCY_BUCKETS.len())?;
        let all = *counts.last()?;
        if all == 0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
        let (wanted, mut below) = (part * all as f64, (0.0, 0.0));
        for (bound, count) in LATENCY_BUCKETS.iter().zip(counts) {
            #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
            let count = *count as f64;
            if count >= wanted && count > below.1 {
                let within = ((wanted - below.1) / (count - below.1)).clamp(0.0, 1.0);
                return Some(below.0 + (bound - below.0) * within);
            }
            below = (*bound, count);
        }
        LATENCY_BUCKETS.last().copied()
    }

    /// Counts another span, too.
    pub fn add(&mut self, other: &Sample) {
        self.millis = self.millis.saturating_add(other.millis);
        for (place, (sum, more)) in self.columns.iter_mut().zip(other.columns).enumerate() {
            *sum = match place == Column::Connections as usize {
                true => (*sum).max(more),
                false => sum.saturating_add(more),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::exposition::parse;

    const TEXT: &str = "\
sealgate_requests_total{service=\"s3\",operation=\"GetObject\",status=\"200\"} 7
sealgate_requests_total{service=\"s3\",operation=\"GetObject\",status=\"499\"} 2
sealgate_requests_total{service=\"gateway\",operation=\"Ready\",status=\"200\"} 90
sealgate_sent_bytes_total{service=\"s3\"} 500
sealgate_kms_calls_total{operation=\"Decrypt\",outcome=\"OK\"} 5
sealgate_kms_calls_total{operation=\"Decrypt\",outcome=\"AccessDeniedException\"} 1
sealgate_request_duration_seconds_bucket{le=\"0.001\",service=\"s3\",operation=\"GetObject\"} 0
sealgate_request_duration_seconds_bucket{le=\"0.0025\",service=\"s3\",operation=\"GetObject\"} 5
sealgate_request_duration_seconds_bucket{le=\"0.005\",service=\"s3\",operation=\"GetObject\"} 10
sealgate_request_duration_seconds_bucket{le=\"+Inf\",service=\"s3\",operation=\"GetObject\"} 10
sealgate_connections 3
";

    #[test]
    fn metrics_become_totals_and_their_difference_a_sample() {
        let first = Totals::of(&parse(TEXT));
        let second = Totals::of(&parse(
            &TEXT.replace("} 7", "} 17").replace("} 500", "} 100"),
        ));
        let sample = second.since(&first);
        assert_eq!(sample.get(Column::Done), 10);
        // It began anew.
        assert_eq!(sample.get(Column::Sent), 100);
        assert_eq!(sample.get(Column::Refused), 0);
        let since_start = first.since(&Totals::default());
        assert_eq!(since_start.requests(), 9);
        assert_eq!(
            (
                since_start.get(Column::KmsDone),
                since_start.get(Column::KmsFailed)
            ),
            (5, 1)
        );
        assert_eq!(since_start.get(Column::Connections), 3);
    }

    #[test]
    fn percentiles_lie_within_the_buckets() {
        let sample = Totals::of(&parse(TEXT)).since(&Totals::default());
        assert_eq!(sample.latency(0.5), Some(0.0025));
        let p90 = sample.latency(0.9).unwrap();
        assert!((0.0044..=0.0046).contains(&p90), "{p90}");
        assert_eq!(Sample::default().latency(0.5), None);
    }

    #[test]
    fn sums_of_spans_are_rates_of_the_whole() {
        let mut sum = Sample::default();
        let mut one = Totals::of(&parse(TEXT)).since(&Totals::default());
        one.millis = 2000;
        sum.add(&one);
        sum.add(&one);
        assert_eq!(sum.get(Column::Done), 14);
        assert_eq!(sum.get(Column::Connections), 3);
        assert!((sum.rate(Column::Done) - 3.5).abs() < 1e-9);
    }
}
