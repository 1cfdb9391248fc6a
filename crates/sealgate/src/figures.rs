//! The figures of this gateway over time: its own metrics, read every fifteen seconds as a scraper would, and added
//! to the ring that the console draws.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sealgate_series::{Ring, Tier, Totals, parse};
use time::OffsetDateTime;
use tokio::time::{MissedTickBehavior, interval};

use crate::metrics::Metrics;

/// Adds to the ring what was counted, for as long as it is polled.
pub async fn keep(metrics: Metrics, ring: Arc<Ring>) {
    let mut turns = interval(Duration::from_secs(Tier::Fine.step()));
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut before, mut at) = (Totals::default(), Instant::now());
    // The first turn is at once, when there is nothing to tell.
    turns.tick().await;
    loop {
        turns.tick().await;
        let Ok(text) = metrics.encode() else { continue };
        let (now, totals) = (Instant::now(), Totals::of(&parse(&text)));
        let mut sample = totals.since(&before);
        sample.millis = u32::try_from((now - at).as_millis()).unwrap_or(u32::MAX);
        let begun = OffsetDateTime::now_utc() - (now - at);
        sample.time = u64::try_from(begun.unix_timestamp()).unwrap_or_default();
        ring.add(&sample);
        (before, at) = (totals, now);
    }
}
