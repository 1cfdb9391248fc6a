//! One request of a browser: what it asks for, and as whom.

use std::net::IpAddr;
use std::sync::Arc;

use http::header::{COOKIE, HOST, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use sealgate_wire::encoding::decode_path;
use sealgate_wire::{Connection, Query};

use crate::Inner;
use crate::actor::Actor;
use crate::fault::Fault;
use crate::sessions::{Notice, Session};

/// The cookie of the theme, which is nobody's secret.
pub(crate) const THEME_COOKIE: &str = "sealgate-theme";

/// Light, dark, or as the system has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    System,
    Light,
    Dark,
}

impl Theme {
    pub(crate) fn parse(word: &str) -> Theme {
        match word {
            "light" => Theme::Light,
            "dark" => Theme::Dark,
            _ => Theme::System,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Theme::System => "system",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }
}

/// A request.
#[derive(Clone)]
pub(crate) struct Visit {
    pub(crate) console: Arc<Inner>,
    pub(crate) method: Method,
    /// The parts of the path below `/console/`, decoded.
    pub(crate) path: Vec<String>,
    pub(crate) query: Query,
    /// Path and query as sent, to come back to.
    pub(crate) place: String,
    pub(crate) headers: HeaderMap,
    pub(crate) host: String,
    pub(crate) conn: Connection,
    /// What scripts and styles of the answer carry.
    pub(crate) nonce: String,
    pub(crate) theme: Theme,
    pub(crate) session: Option<Session>,
}

impl Visit {
    pub(crate) fn new(
        console: &Arc<Inner>,
        parts: &Parts,
        conn: &Connection,
        nonce: String,
    ) -> Option<Visit> {
        let below = parts.uri.path().strip_prefix("/console/")?;
        let path = below
            .split('/')
            .filter(|part| !part.is_empty())
            .map(decode_path)
            .collect::<Option<Vec<String>>>()?;
        let place = parts
            .uri
            .path_and_query()
            .map_or("/console/", |place| place.as_str());
        let host = parts
            .headers
            .get(HOST)
            .and_then(|value| value.to_str().ok())
            .or(parts.uri.authority().map(|it| it.as_str()))
            .unwrap_or_default();
        let mut visit = Visit {
            console: console.clone(),
            method: parts.method.clone(),
            path,
            query: Query::of(&parts.uri),
            place: place.to_owned(),
            headers: parts.headers.clone(),
            host: host.to_ascii_lowercase(),
            conn: conn.clone(),
            nonce,
            theme: Theme::System,
            session: None,
        };
        visit.theme = Theme::parse(&visit.cookie(THEME_COOKIE).unwrap_or_default());
        Some(visit)
    }

    /// The value of a cookie.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(cookie, _)| *cookie == name)
            .map(|(_, value)| value.to_owned())
    }

    /// A parameter of the query; empty if it is not there.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.query.get(name).unwrap_or_default()
    }

    pub(crate) fn address(&self) -> IpAddr {
        self.conn.client_ip
    }

    /// The browser, as the audit trail shall name it: what is done here is done by the console on its behalf.
    pub(crate) fn agent(&self) -> HeaderValue {
        let browser = self
            .headers
            .get(USER_AGENT)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let agent = format!("[SealgateConsole/{}] {browser}", env!("CARGO_PKG_VERSION"));
        HeaderValue::try_from(agent.trim_end())
            .unwrap_or(HeaderValue::from_static("[SealgateConsole]"))
    }

    pub(crate) fn session(&self) -> Result<&Session, Fault> {
        self.session.as_ref().ok_or(Fault::SignIn)
    }

    /// Whoever is signed in, to act.
    pub(crate) fn actor(&self) -> Result<Actor<'_>, Fault> {
        Ok(Actor::new(self, self.session()?))
    }

    /// Leaves a word for the next page.
    pub(crate) fn tell(&self, good: bool, text: impl Into<String>) {
        if let Some(session) = &self.session {
            let text = text.into();
            self.console.sessions.tell(session, Notice { good, text });
        }
    }
}
