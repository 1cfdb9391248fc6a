//! What is known of the gateway that is watched: its metrics at the last looks, and what came of the difference.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use sealgate_series::{Column, Metric, Sample, Totals, parse};

/// Samples of the small charts.
const KEPT: usize = 240;

/// An operation and how often it was done between the last two looks.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// `s3 GetObject`.
    pub name: String,
    /// A second.
    pub rate: f64,
    /// Of these, refused or failed.
    pub errors: f64,
    /// Mean time, in milliseconds.
    pub millis: Option<f64>,
    /// Since the gateway began.
    pub total: f64,
}

/// The gateway, as it is seen.
pub struct Watched {
    /// Its address.
    pub address: String,
    /// Why there is nothing new, if there is nothing.
    pub lost: Option<String>,
    /// What was counted between the last two looks.
    pub latest: Sample,
    /// Rates of requests, the newest last.
    pub requests: VecDeque<u64>,
    /// Operations, the most frequent first; those that were never done are not there.
    pub operations: Vec<Operation>,
    /// Uses of keys by encryption mode, a second: wrapped, unwrapped.
    pub modes: Vec<(String, f64, f64)>,
    /// Calls of the KMS by operation, a second: done, refused.
    pub keys: Vec<(String, f64, f64)>,
    /// Requests that are being answered.
    pub in_flight: u64,
    /// The gateway's version.
    pub version: String,
    before: Option<(Instant, Vec<Metric>)>,
}

impl Watched {
    /// Nothing is known yet.
    pub fn new(address: String) -> Watched {
        Watched {
            address,
            lost: None,
            latest: Sample::default(),
            requests: VecDeque::new(),
            operations: Vec::new(),
            modes: Vec::new(),
            keys: Vec::new(),
            in_flight: 0,
            version: String::new(),
            before: None,
        }
    }

    /// Whether two looks were taken, between which something can be counted.
    pub fn counts(&self) -> bool {
        self.latest.millis > 0
    }

    /// The gateway does not answer. What was known stays to be seen.
    pub fn lost(&mut self, why: String) {
        self.lost = Some(why);
        self.before = None;
    }

    /// The gateway answered.
    pub fn took(&mut self, text: String, now: Instant) {
        let metrics = parse(&text);
        self.lost = None;
        for metric in &metrics {
            match metric.name.as_str() {
                "sealgate_build_info" => self.version = metric.label("version").to_owned(),
                "sealgate_requests_in_flight" => self.in_flight = whole(metric.value),
                _ => {}
            }
        }
        if let Some((at, before)) = &self.before {
            let mut sample = Totals::of(&metrics).since(&Totals::of(before));
            let passed = now.saturating_duration_since(*at);
            sample.millis = u32::try_from(passed.as_millis()).unwrap_or(u32::MAX).max(1);
            let seconds = f64::from(sample.millis) / 1000.0;
            self.count(before.clone(), &metrics, seconds);
            #[expect(clippy::cast_precision_loss, reason = "shown with a few digits")]
            let rate = sample.requests() as f64 / seconds;
            self.requests.push_back(whole(rate.round()));
            if self.requests.len() > KEPT {
                self.requests.pop_front();
            }
            self.latest = sample;
        }
        self.before = Some((now, metrics));
    }

    fn count(&mut self, before: Vec<Metric>, after: &[Metric], seconds: f64) {
        let operation = |metric: &Metric| {
            let service = metric.label("service");
            let ours = matches!(service, "gateway" | "console");
            (!ours).then(|| format!("{service} {}", metric.label("operation")))
        };
        let sums = |metrics: &[Metric], name: &str| {
            let mut sums: BTreeMap<String, (f64, f64)> = BTreeMap::new();
            for metric in metrics.iter().filter(|metric| metric.name == name) {
                let bad = metric.label("status").starts_with(['4', '5']);
                if let Some(operation) = operation(metric) {
                    let (all, errors) = sums.entry(operation).or_default();
                    *all += metric.value;
                    *errors += if bad { metric.value } else { 0.0 };
                }
            }
            sums
        };
        let requests = "sealgate_requests_total";
        let (was, is) = (sums(&before, requests), sums(after, requests));
        let time = "sealgate_request_duration_seconds_sum";
        let (time_was, time_is) = (sums(&before, time), sums(after, time));
        let of = |sums: &BTreeMap<String, (f64, f64)>, name: &str| {
            sums.get(name).copied().unwrap_or_default()
        };
        self.operations = is
            .iter()
            .map(|(name, (total, errors))| {
                let (total_was, errors_was) = of(&was, name);
                let done = grown(*total, total_was);
                let time = grown(of(&time_is, name).0, of(&time_was, name).0);
                Operation {
                    name: name.clone(),
                    rate: done / seconds,
                    errors: grown(*errors, errors_was) / seconds,
                    millis: (done > 0.0).then(|| 1000.0 * time / done),
                    total: *total,
                }
            })
            .collect();
        let order = |it: &Operation| (it.rate, it.total);
        self.operations.sort_by(|a, b| {
            order(b)
                .partial_cmp(&order(a))
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        self.modes = pairs(
            &before,
            after,
            seconds,
            "sealgate_data_key_uses_total",
            "mode",
            |it| it.label("direction") == "wrap",
        );
        self.keys = pairs(
            &before,
            after,
            seconds,
            "sealgate_kms_calls_total",
            "operation",
            |it| it.label("outcome") == "OK",
        );
    }
}

/// By how much a counter grew; it may have begun anew.
fn grown(now: f64, before: f64) -> f64 {
    if now < before { now } else { now - before }
}

/// Rates by a label, of those for which `first` holds and of the others; the most frequent first.
fn pairs(
    before: &[Metric],
    after: &[Metric],
    seconds: f64,
    name: &str,
    label: &str,
    first: impl Fn(&Metric) -> bool,
) -> Vec<(String, f64, f64)> {
    let sums = |metrics: &[Metric]| {
        let mut sums: BTreeMap<String, (f64, f64)> = BTreeMap::new();
        for metric in metrics.iter().filter(|metric| metric.name == name) {
            let sum = sums.entry(metric.label(label).to_owned()).or_default();
            *(if first(metric) {
                &mut sum.0
            } else {
                &mut sum.1
            }) += metric.value;
        }
        sums
    };
    let (was, is) = (sums(before), sums(after));
    let mut rates: Vec<(String, f64, f64)> = is
        .into_iter()
        .map(|(name, (one, other))| {
            let (one_was, other_was) = was.get(&name).copied().unwrap_or_default();
            (
                name,
                grown(one, one_was) / seconds,
                grown(other, other_was) / seconds,
            )
        })
        .collect();
    rates.sort_by(|a, b| {
        (b.1 + b.2)
            .partial_cmp(&(a.1 + a.2))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    rates
}

fn whole(value: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts; what is none becomes 0"
    )]
    let whole = value as u64;
    whole
}

/// A figure of a sample for each second.
pub fn rate(sample: &Sample, columns: &[Column]) -> f64 {
    columns.iter().map(|column| sample.rate(*column)).sum()
}
