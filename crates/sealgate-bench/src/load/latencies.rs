//! How long requests took.

use std::time::Duration;

/// One duration per request, in microseconds.
#[derive(Default)]
pub struct Latencies(Vec<u32>);

impl Latencies {
    /// Adds one.
    pub fn push(&mut self, duration: Duration) {
        self.0
            .push(u32::try_from(duration.as_micros()).unwrap_or(u32::MAX));
    }

    /// Adds those of another connection.
    pub fn append(&mut self, mut other: Latencies) {
        self.0.append(&mut other.0);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The quantile in milliseconds; 0 if there is none.
    pub fn quantile(&mut self, quantile: f64) -> f64 {
        self.0.sort_unstable();
        let last = self.0.len().saturating_sub(1) as f64;
        let index = (last * quantile).round() as usize;
        self.0
            .get(index)
            .map_or(0.0, |micros| f64::from(*micros) / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn quantiles_are_those_of_all_connections() {
        let mut all = Latencies::default();
        assert_eq!(all.quantile(0.5), 0.0);
        for half in [1..=50_u64, 51..=101] {
            let mut some = Latencies::default();
            half.for_each(|ms| some.push(Duration::from_millis(ms)));
            all.append(some);
        }
        assert_eq!(
            (all.len(), all.quantile(0.5), all.quantile(0.99)),
            (101, 51.0, 100.0)
        );
    }
}
