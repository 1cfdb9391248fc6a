//! Signing in and out. The secret is compared, and forgotten with the form it came in.

use std::time::Instant;

use bytes::Bytes;
use http::StatusCode;
use http::header::{RETRY_AFTER, SET_COOKIE};
use http::{HeaderValue, Method, Request};
use hyper::body::Incoming;
use sealgate_audit::{Event, EventType};
use sealgate_crypto::hash::{Digest as _, Sha256};
use sealgate_iam::SignIn;
use sealgate_policy::Caller;
use serde_json::json;
use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::forms::{Form, safe_place};
use crate::response::{Page, html, see_other};
use crate::sessions::{LONGEST, token};
use crate::views;
use crate::visit::{THEME_COOKIE, Theme, Visit};

/// What a browser carries before it is signed in, so that the form of the sign-in is known to be ours.
const VISITOR_COOKIE: &str = "sealgate-visitor";

/// Over TLS, a name that browsers take from nobody but this very host.
pub(crate) fn cookie_name(secure: bool) -> &'static str {
    if secure {
        "__Host-sealgate-session"
    } else {
        "sealgate-session"
    }
}

fn set_cookie(page: &mut Page, name: &str, value: &str, secure: bool, seconds: u64) {
    // A name that begins so must have the path `/`.
    let rest = if secure {
        "; Path=/; Secure"
    } else {
        "; Path=/console/"
    };
    let cookie = format!("{name}={value}; HttpOnly; SameSite=Strict; Max-Age={seconds}{rest}");
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        page.headers_mut().append(SET_COOKIE, cookie);
    }
}

/// The token of the form, which only the holder of the visitor's cookie gets to see.
fn visitor_token(visitor: &str) -> String {
    hex::encode(Sha256::digest(format!("sign-in {visitor}").as_bytes()))
}

/// The page with the form.
pub(crate) fn show(visit: &Visit) -> Result<Page, Fault> {
    if visit.session.is_some() {
        return Ok(see_other(safe_place(visit.parameter("to"))));
    }
    form(visit, StatusCode::OK, visit.parameter("to"), "", None)
}

fn form(
    visit: &Visit,
    status: StatusCode,
    to: &str,
    access_key_id: &str,
    problem: Option<String>,
) -> Result<Page, Fault> {
    let known = visit.cookie(VISITOR_COOKIE);
    let visitor = match &known {
        Some(visitor) => visitor.clone(),
        None => token().map_err(|_| Fault::Internal)?,
    };
    let text = views::sign_in_page(
        visit,
        &visitor_token(&visitor),
        safe_place(to),
        access_key_id,
        problem,
    );
    let mut page = html(status, text);
    if known.is_none() {
        let seconds = LONGEST.as_secs();
        set_cookie(
            &mut page,
            VISITOR_COOKIE,
            &visitor,
            visit.conn.secure,
            seconds,
        );
    }
    Ok(page)
}

/// The form was sent.
pub(crate) async fn submit(visit: &Visit, body: Incoming) -> Result<Page, Fault> {
    let form_sent = Form::read(visit, body).await?;
    let ours = visit.cookie(VISITOR_COOKIE).is_some_and(|visitor| {
        let token = visitor_token(&visitor);
        let sent = form_sent.get("form_token").as_bytes();
        token.as_bytes().ct_eq(sent).into()
    });
    if !ours {
        return Err(Fault::Forged);
    }
    let access_key_id = form_sent.get("access_key_id").to_owned();
    let secret = Zeroizing::new(form_sent.get("secret_access_key").to_owned());
    let to = form_sent.get("to").to_owned();
    drop(form_sent);

    let (throttle, sessions) = (&visit.console.throttle, &visit.console.sessions);
    if let Err(wait) = throttle.attempt(&access_key_id, visit.address(), Instant::now()) {
        let seconds = wait.as_secs().max(1);
        let problem = format!(
            "There were too many failed attempts. Try again in {}.",
            crate::pages::words::duration(seconds)
        );
        let status = StatusCode::TOO_MANY_REQUESTS;
        let mut page = form(visit, status, &to, &access_key_id, Some(problem))?;
        page.headers_mut().insert(RETRY_AFTER, seconds.into());
        return Ok(page);
    }
    let parts = Request::builder()
        .method(Method::POST)
        .header(http::header::USER_AGENT, visit.agent())
        .body(Bytes::new())
        .map_err(|_| Fault::Internal)?
        .into_parts()
        .0;
    let now = OffsetDateTime::now_utc();
    let iam = &visit.console.deps.iam;
    let outcome = iam
        .sign_in(&access_key_id, &secret, &parts, &visit.conn, now)
        .await
        .map_err(|_| Fault::Internal)?;
    drop(secret);
    match outcome {
        SignIn::Accepted(caller) => {
            record(visit, &caller, true).await?;
            throttle.succeeded(&access_key_id, visit.address());
            // Whatever session the browser had ends with this one's beginning.
            if let Some(old) = &visit.session {
                sessions.end(old);
            }
            let principal = &caller.principal;
            let id = sessions
                .begin(
                    &access_key_id,
                    &principal.arn,
                    &principal.account_id,
                    Instant::now(),
                )
                .map_err(|_| Fault::Internal)?;
            let mut page = see_other(safe_place(&to));
            let secure = visit.conn.secure;
            let seconds = LONGEST.as_secs();
            set_cookie(&mut page, cookie_name(secure), id.expose(), secure, seconds);
            set_cookie(&mut page, VISITOR_COOKIE, "", secure, 0);
            Ok(page)
        }
        SignIn::Refused(known) => {
            if let Some(caller) = known {
                record(visit, &caller, false).await?;
            }
            tracing::warn!(client = %visit.address(), "a sign-in at the console failed");
            let problem =
                "This is not an access key with its secret, or the key is not active.".to_owned();
            let status = StatusCode::FORBIDDEN;
            form(visit, status, &to, &access_key_id, Some(problem))
        }
    }
}

/// Signs out.
pub(crate) async fn sign_out(visit: &Visit, body: Incoming) -> Result<Page, Fault> {
    Form::of_session(visit, body).await?;
    if let Some(session) = &visit.session {
        visit.console.sessions.end(session);
    }
    let mut page = see_other("/console/sign-in");
    let secure = visit.conn.secure;
    set_cookie(&mut page, cookie_name(secure), "", secure, 0);
    Ok(page)
}

/// Light or dark: a matter of this browser, not of the session.
pub(crate) async fn set_theme(visit: &Visit, body: Incoming) -> Result<Page, Fault> {
    let form = Form::read(visit, body).await?;
    let theme = Theme::parse(form.get("theme"));
    let mut page = see_other(safe_place(form.get("to")));
    let seconds = if theme == Theme::System {
        0
    } else {
        365 * 24 * 60 * 60
    };
    set_cookie(
        &mut page,
        THEME_COOKIE,
        theme.word(),
        visit.conn.secure,
        seconds,
    );
    Ok(page)
}

/// The event that CloudTrail calls ConsoleLogin. What cannot be recorded does not happen.
/// <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-aws-console-sign-in-events.html>
async fn record(visit: &Visit, caller: &Caller, good: bool) -> Result<(), Fault> {
    let id = sealgate_wire::request_id();
    let mut event = Event::new("signin.amazonaws.com", "ConsoleLogin", caller, id);
    event.event_type = EventType::ConsoleSignIn;
    let outcome = if good { "Success" } else { "Failure" };
    event.response_elements = json!({ "ConsoleLogin": outcome });
    event.additional = json!({
        "LoginTo": format!("{}://{}/console/", if visit.conn.secure { "https" } else { "http" }, visit.host),
        "MobileVersion": "No",
        "MFAUsed": "No",
    });
    if !good {
        event.error = Some((
            "FailedAuthentication".into(),
            "Failed authentication".into(),
        ));
    }
    visit
        .console
        .deps
        .trail
        .record(event)
        .await
        .map_err(|error| {
            tracing::error!(%error, "a sign-in could not be recorded in the audit trail");
            Fault::Internal
        })
}
