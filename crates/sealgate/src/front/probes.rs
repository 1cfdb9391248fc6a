//! `/health` and `/metrics`: names that no bucket may take.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, Response, StatusCode};
use sealgate_blobs::BlobStore;
use sealgate_index::Index;
use sealgate_kms::Kms;
use sealgate_wire::Connection;
use serde_json::json;
use tokio::sync::{Mutex, watch};
use tokio::time::timeout;

use super::answer;
use super::body::AnswerBody;
use crate::config::MetricsAccess;
use crate::metrics::Metrics;

/// A verdict is shared by all who ask within this time: probes must not become load on a backend.
const VERDICT_AGE: Duration = Duration::from_secs(2);
/// A part that takes longer than this to say that it is well is not.
const CHECK_TIME: Duration = Duration::from_secs(5);
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the probes ask. Clones share the last verdict.
#[derive(Clone)]
pub struct Probes {
    index: Index,
    blobs: BlobStore,
    kms: Kms,
    metrics: Metrics,
    access: MetricsAccess,
    stop: watch::Receiver<bool>,
    verdict: Arc<Mutex<Option<(Instant, Verdict)>>>,
}

/// Which parts are well.
#[derive(Clone, Copy)]
struct Verdict {
    index: bool,
    store: bool,
    kms: bool,
}

impl Probes {
    /// Probes of these parts; not ready once `stop` says that the process ends.
    pub fn new(
        index: Index,
        blobs: BlobStore,
        kms: Kms,
        metrics: Metrics,
        access: MetricsAccess,
        stop: watch::Receiver<bool>,
    ) -> Probes {
        Probes {
            index,
            blobs,
            kms,
            metrics,
            access,
            stop,
            verdict: Arc::default(),
        }
    }

    /// Answers, if the path is one of the reserved names; with the name of what was asked.
    pub async fn answer(
        &self,
        method: &Method,
        path: &str,
        conn: &Connection,
    ) -> Option<(&'static str, Response<AnswerBody>)> {
        let name = match path {
            "/health" | "/health/ready" => "Ready",
            "/health/live" => "Live",
            "/metrics" => "Metrics",
            _ => {
                let first = path.trim_start_matches('/').split('/').next();
                return matches!(first, Some("health" | "metrics" | "console")).then(|| {
                    (
                        "Unknown",
                        answer::text(StatusCode::NOT_FOUND, "There is nothing here.\n"),
                    )
                });
            }
        };
        if method != Method::GET && method != Method::HEAD {
            return Some((
                name,
                answer::text(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n"),
            ));
        }
        let response = match name {
            "Live" => answer::json(StatusCode::OK, &json!({ "status": "live" })),
            "Ready" => self.ready().await,
            _ => self.metrics(conn),
        };
        Some((name, response))
    }

    /// The parts, and whether each is well.
    pub async fn parts(&self) -> [(&'static str, bool); 3] {
        let verdict = self.verdict().await;
        [
            ("index", verdict.index),
            ("store", verdict.store),
            ("keys", verdict.kms),
        ]
    }

    fn metrics(&self, conn: &Connection) -> Response<AnswerBody> {
        if self.access == MetricsAccess::Loopback && !conn.is_loopback() {
            return answer::text(
                StatusCode::FORBIDDEN,
                "Metrics are for this machine; see the setting `metrics`.\n",
            );
        }
        match self.metrics.encode() {
            Ok(text) => answer::answer(StatusCode::OK, OPEN_METRICS, text),
            Err(_) => answer::text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The metrics cannot be written.\n",
            ),
        }
    }

    async fn ready(&self) -> Response<AnswerBody> {
        let verdict = self.verdict().await;
        let word = |well: bool| if well { "ok" } else { "failed" };
        let checks = json!({ "index": word(verdict.index), "store": word(verdict.store), "kms": word(verdict.kms) });
        let (status, words) = if *self.stop.borrow() {
            (StatusCode::SERVICE_UNAVAILABLE, "stopping")
        } else if verdict.index && verdict.store && verdict.kms {
            (StatusCode::OK, "ready")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "not ready")
        };
        answer::json(status, &json!({ "status": words, "checks": checks }))
    }

    /// One examination at a time; who comes meanwhile waits for it.
    async fn verdict(&self) -> Verdict {
        let mut last = self.verdict.lock().await;
        if let Some((when, verdict)) = *last
            && when.elapsed() < VERDICT_AGE
        {
            return verdict;
        }
        let verdict = self.examine().await;
        *last = Some((Instant::now(), verdict));
        verdict
    }

    /// Why a part is not well is for the log, not for whoever asks.
    async fn examine(&self) -> Verdict {
        let index = async {
            self.index
                .record("health", "probe")
                .await
                .map(drop)
                .map_err(|error| error.to_string())
        };
        let store = async { self.blobs.check().await.map_err(|error| error.to_string()) };
        let (index, store) = tokio::join!(timed(index), timed(store));
        let kms = self
            .kms
            .platform_wrap("health", b"", b"probe")
            .map(drop)
            .map_err(|error| error.to_string());
        let well = |part: &str, outcome: Result<(), String>| match outcome {
            Ok(()) => true,
            Err(detail) => {
                tracing::error!(part, detail, "health check failed");
                false
            }
        };
        Verdict {
            index: well("index", index),
            store: well("store", store),
            kms: well("kms", kms),
        }
    }
}

async fn timed(check: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    timeout(CHECK_TIME, check)
        .await
        .unwrap_or_else(|_| Err("no answer in time".into()))
}
