//! One request as log and metrics see it; it is written down when it is dropped, so a request
//! that nobody waited for is written down, too.

use std::net::IpAddr;
use std::time::Instant;

use http::{Method, StatusCode};

use crate::metrics::{FinishedRequest, GaugeGuard, Metrics};

/// Written where no answer was made because the client had gone.
const CLIENT_GONE: u16 = 499;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It has not, or the client went away.
    Open,
    Completed,
    /// The answer broke off on our side.
    Failed,
}

/// A request under way.
pub struct Observation {
    metrics: Metrics,
    _in_flight: GaugeGuard,
    started: Instant,
    request_id: String,
    method: Method,
    client_ip: IpAddr,
    service: &'static str,
    operation: &'static str,
    principal: Option<String>,
    bucket: Option<String>,
    error: Option<&'static str>,
    mode: Option<&'static str>,
    status: Option<StatusCode>,
    bytes_in: u64,
    bytes_out: u64,
    end: End,
}

impl Observation {
    /// Starts the clock.
    pub fn new(
        metrics: &Metrics,
        request_id: String,
        method: Method,
        client_ip: IpAddr,
    ) -> Observation {
        Observation {
            metrics: metrics.clone(),
            _in_flight: metrics.request_started(),
            started: Instant::now(),
            request_id,
            method,
            client_ip,
            service: "gateway",
            operation: "Unknown",
            principal: None,
            bucket: None,
            error: None,
            mode: None,
            status: None,
            bytes_in: 0,
            bytes_out: 0,
            end: End::Open,
        }
    }

    /// So many bytes of the request's body came.
    pub fn received(&mut self, bytes: u64) {
        self.bytes_in = bytes;
    }

    /// Which service it is for.
    pub fn service(&mut self, name: &'static str) {
        self.service = name;
    }

    /// Which operation it is; one of a fixed set of names.
    pub fn operation(&mut self, name: &'static str) {
        self.operation = name;
    }

    /// Who sent it.
    pub fn principal(&mut self, arn: &str) {
        self.principal = Some(arn.to_owned());
    }

    /// Which bucket it is about.
    pub fn bucket(&mut self, name: String) {
        self.bucket = Some(name);
    }

    /// Which error it was refused with, and the encryption mode of the object it touched.
    pub fn outcome(&mut self, error: Option<&'static str>, mode: Option<&'static str>) {
        self.error = error;
        self.mode = mode;
    }

    /// The head of the answer is made. `empty`: no body will follow it.
    pub fn answered(&mut self, status: StatusCode, empty: bool) {
        self.status = Some(status);
        if empty || self.method == Method::HEAD {
            self.completed();
        }
    }

    /// Bytes of the answer's body were handed to the connection.
    pub fn sent(&mut self, bytes: u64) {
        self.bytes_out += bytes;
    }

    /// So many bytes so far.
    pub fn bytes_out(&self) -> u64 {
        self.bytes_out
    }

    /// The answer is whole.
    pub fn completed(&mut self) {
        if self.end == End::Open {
            self.end = End::Completed;
        }
    }

    /// The answer broke off on our side.
    pub fn failed(&mut self) {
        self.end = End::Failed;
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        let status = self.status.map_or(CLIENT_GONE, |status| status.as_u16());
        let request = FinishedRequest {
            service: self.service,
            operation: self.operation,
            status,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            duration: self.started.elapsed(),
        };
        self.metrics.request_finished(&request);

        let duration_ms = request.duration.as_secs_f64() * 1000.0;
        let end = match self.end {
            End::Completed => "complete",
            End::Open => "client gone",
            End::Failed => "broken off",
        };
        macro_rules! write_down {
            ($level:ident) => {
                tracing::$level!(
                    request_id = self.request_id,
                    method = self.method.as_str(),
                    service = self.service,
                    operation = self.operation,
                    bucket = self.bucket.as_deref(),
                    mode = self.mode,
                    status,
                    error = self.error,
                    bytes_in = request.bytes_in,
                    bytes_out = self.bytes_out,
                    duration_ms,
                    principal = self.principal.as_deref(),
                    client_ip = %self.client_ip,
                    end,
                    "request"
                )
            };
        }
        if status >= 500 || self.end == End::Failed {
            write_down!(warn);
        } else if self.service == "gateway" && status < 400 {
            // Probes and scrapes come every few seconds.
            write_down!(debug);
        } else {
            write_down!(info);
        }
    }
}
