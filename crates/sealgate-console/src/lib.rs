//! The console: keys, buckets, people and the audit trail in the browser.
//!
//! Pages are made on the server and work without scripts. Everything a page shows or does goes through the same
//! services as a request of the API, in the name of whoever signed in (`actor`): what those refuse is refused here,
//! and what they record is recorded. This crate decides nothing but who is signed in (`sessions`).

#![forbid(unsafe_code)]

mod actor;
mod assets;
mod fault;
mod forms;
mod guard;
mod pages;
mod policy_words;
mod response;
mod second_step;
mod sessions;
mod sign_in;
mod throttle;
mod views;
mod visit;
mod xml;

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::request::Parts;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use sealgate_admin_api::AdminApi;
use sealgate_audit::Trail;
use sealgate_iam::{CleartextSecrets, Iam};
use sealgate_kms::Kms;
use sealgate_s3::S3;
use sealgate_series::Ring;
use sealgate_wire::Connection;
use tokio::sync::Semaphore;

use second_step::SecondSteps;
use sessions::Sessions;
use throttle::Throttle;

/// Uploads that are read at a time; each has a part of some megabytes in memory.
const UPLOADS: usize = 8;

/// Archives of folders that are made at a time; each has a thread, and its directory in memory.
const ARCHIVES: usize = 4;

/// What a body can fail with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// The body of an answer.
pub type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;

/// What the console works with: services, never stores.
pub struct ConsoleDeps {
    /// Who may sign in.
    pub iam: Iam,
    /// Asked what somebody may do with a key; everything else goes through `admin`.
    pub kms: Kms,
    /// KMS, IAM, STS and CloudTrail.
    pub admin: AdminApi,
    /// Buckets and objects.
    pub s3: S3,
    /// Where sign-ins are recorded.
    pub trail: Trail,
    /// From whom secrets are taken without TLS.
    pub cleartext: CleartextSecrets,
    /// Figures over time.
    pub series: Arc<Ring>,
    /// What everybody who is signed in may know of the gateway, for the front page.
    pub facts: Box<dyn Fn() -> BoxFuture<'static, Vec<Fact>> + Send + Sync>,
}

/// Something that the front page says of the gateway.
#[derive(Debug, Clone)]
pub struct Fact {
    pub(crate) name: &'static str,
    pub(crate) words: String,
    pub(crate) colour: &'static str,
}

impl Fact {
    /// A fact that is neither good nor bad.
    pub fn new(name: &'static str, words: impl Into<String>) -> Fact {
        Fact {
            name,
            words: words.into(),
            colour: "",
        }
    }

    /// It is as it should be.
    #[must_use]
    pub fn good(self) -> Fact {
        Fact {
            colour: "good",
            ..self
        }
    }

    /// It should be looked at.
    #[must_use]
    pub fn warn(self) -> Fact {
        Fact {
            colour: "warn",
            ..self
        }
    }

    /// It is not as it should be.
    #[must_use]
    pub fn bad(self) -> Fact {
        Fact {
            colour: "bad",
            ..self
        }
    }
}

/// The console. Clones share everything.
#[derive(Clone)]
pub struct Console {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) deps: ConsoleDeps,
    pub(crate) sessions: Sessions,
    pub(crate) second_steps: SecondSteps,
    pub(crate) throttle: Throttle,
    /// Uploads that may have a part in memory.
    pub(crate) uploads: Semaphore,
    /// Walks over the audit trail.
    pub(crate) walks: Semaphore,
    /// Archives that may be in the making.
    pub(crate) archives: Arc<Semaphore>,
}

/// An answer, and what logs and metrics want to know of it.
pub struct Answer {
    /// The answer.
    pub response: http::Response<AnswerBody>,
    /// The page, one of a fixed set of names.
    pub page: &'static str,
    /// Who is signed in.
    pub principal: Option<String>,
}

impl Console {
    /// A console over these services.
    pub fn new(deps: ConsoleDeps) -> Console {
        Console {
            inner: Arc::new(Inner {
                deps,
                sessions: Sessions::default(),
                second_steps: SecondSteps::default(),
                throttle: Throttle::default(),
                uploads: Semaphore::new(UPLOADS),
                walks: Semaphore::new(1),
                archives: Arc::new(Semaphore::new(ARCHIVES)),
            }),
        }
    }

    /// Answers a request for a page. Never fails: a refusal is a page, too. In a box, because the state of a page
    /// being made is large, and every request of every service would have room for it.
    pub fn handle<'a>(
        &'a self,
        parts: Parts,
        body: Incoming,
        conn: &'a Connection,
        request_id: &'a str,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(guard::answer(&self.inner, parts, body, conn, request_id))
    }
}
