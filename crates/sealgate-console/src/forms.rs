//! Forms that browsers send: small, and only from pages of the session they come in.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, ORIGIN};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use sealgate_wire::Query;
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::sessions::Submission;
use crate::visit::Visit;

/// The largest form without a file: a policy of 32 KiB, percent-encoded, and room.
const LARGEST: usize = 256 * 1024;
/// Who takes longer to send one holds the connection on purpose.
const PATIENCE: Duration = Duration::from_secs(30);

/// A form's fields.
pub(crate) struct Form(Query);

impl Form {
    /// A form before anything was sent.
    pub(crate) fn empty() -> Form {
        Form(Query::default())
    }

    /// Reads a form, which must be one that browsers send for a page of ours.
    pub(crate) async fn read(visit: &Visit, body: Incoming) -> Result<Form, Fault> {
        let kind = visit
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split(';').next())
            .unwrap_or_default();
        if !kind
            .trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        {
            return Err(Fault::Form("It is not sent as a form."));
        }
        let bytes: Bytes = timeout(PATIENCE, Limited::new(body, LARGEST).collect())
            .await
            .map_err(|_| Fault::Form("It did not come in time."))?
            .map_err(|_| Fault::TooLarge)?
            .to_bytes();
        // It may hold a secret.
        let bytes = Zeroizing::new(bytes.to_vec());
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| Fault::Form("It is not encoded as forms are."))?;
        Ok(Form(Query::parse(text)))
    }

    /// A form of a page of the visitor's session.
    pub(crate) async fn of_session(visit: &Visit, body: Incoming) -> Result<Form, Fault> {
        let session = visit.session()?;
        let form = Form::read(visit, body).await?;
        if !session.owns_form(form.get("form_token")) {
            return Err(Fault::Forged);
        }
        Ok(form)
    }

    /// A field, without spaces around it; empty if it is not there.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_default().trim()
    }

    /// A field as it was typed.
    pub(crate) fn raw(&self, name: &str) -> &str {
        self.0.get(name).unwrap_or_default()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.has(name)
    }

    /// All values of a field that may be repeated.
    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        self.0
            .iter()
            .filter(|(field, value)| *field == name && !value.trim().is_empty())
            .map(|(_, value)| value.trim().to_owned())
            .collect()
    }

    /// Whether this is the first time that this very form is sent: `Err` has the place where the first led.
    pub(crate) fn begin(&self, visit: &Visit) -> Result<(), Option<String>> {
        let once = self.get("once");
        match (&visit.session, once.is_empty()) {
            (Some(session), false) => match visit.console.sessions.submit(session, once) {
                Submission::First => Ok(()),
                Submission::Again(place) => Err(place),
            },
            _ => Ok(()),
        }
    }

    /// Notes how it ended.
    pub(crate) fn end(&self, visit: &Visit, led_to: Option<&str>) {
        if let Some(session) = &visit.session {
            let once = self.get("once");
            visit.console.sessions.submitted(session, once, led_to);
        }
    }
}

/// Whether a request that changes something comes from a page of ours, by what the browser says itself.
pub(crate) fn is_same_origin(visit: &Visit) -> bool {
    let text = |name: &str| {
        visit
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    if text("sec-fetch-site").is_some_and(|site| site != "same-origin") {
        return false;
    }
    let Some(origin) = text(ORIGIN.as_str()) else {
        // Every browser names the origin of a POST. Who does not is not one, and has no cookie to abuse.
        return false;
    };
    origin
        .split_once("://")
        .is_some_and(|(scheme, authority)| without_port(scheme, authority) == host(visit))
}

fn host(visit: &Visit) -> String {
    let scheme = if visit.conn.secure { "https" } else { "http" };
    without_port(scheme, &visit.host)
}

/// The authority without the port that its scheme stands for.
fn without_port(scheme: &str, authority: &str) -> String {
    let default = if scheme == "https" { ":443" } else { ":80" };
    let authority = authority.to_ascii_lowercase();
    match authority.strip_suffix(default) {
        Some(bare) => bare.to_owned(),
        None => authority,
    }
}

/// A place within the console to go on to. Whatever else is asked for is the front page.
pub(crate) fn safe_place(asked: &str) -> &str {
    let plain = asked
        .bytes()
        .all(|byte| (0x21..0x7f).contains(&byte) && byte != b'\\');
    let inside = asked == "/console/" || asked.starts_with("/console/");
    let above = asked
        .split(['?', '#'])
        .next()
        .unwrap_or_default()
        .split('/')
        .any(|part| {
            let part = part.to_ascii_lowercase().replace("%2e", ".");
            part == ".." || part == "."
        });
    let sign_in = asked.starts_with("/console/sign-");
    if plain && inside && !above && !sign_in {
        asked
    } else {
        "/console/"
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn one_is_led_nowhere_but_into_the_console() {
        for good in [
            "/console/",
            "/console/keys?state=Enabled&q=a%20b",
            "/console/buckets/b?prefix=..%2F",
        ] {
            assert_eq!(safe_place(good), good);
        }
        for bad in [
            "",
            "/",
            "//evil.example/console/",
            "https://evil.example/console/",
            "/\\evil.example",
            "/console/\\..\\..",
            "/console/../bucket/page.html",
            "/console/%2e%2E/bucket/page.html",
            "/console/./x",
            "javascript:alert(1)//console/",
            "/console",
            "/consolex/",
            "/console/\r\nSet-Cookie: a=b",
            "/console/sign-in?to=/console/sign-in",
            "/console/ä",
        ] {
            assert_eq!(safe_place(bad), "/console/", "{bad}");
        }
    }

    #[test]
    fn the_default_port_of_a_scheme_may_be_left_out() {
        assert_eq!(without_port("https", "A.example:443"), "a.example");
        assert_eq!(without_port("http", "a.example:443"), "a.example:443");
        assert_eq!(without_port("http", "[::1]:80"), "[::1]");
    }
}
