//! Signing in and out. The secret is compared, and forgotten with the form it came in.

use std::time::Instant;

use askama::Template;
use http::StatusCode;
use http::header::{RETRY_AFTER, SET_COOKIE};
use http::request::Parts;
use http::{HeaderValue, Method, Request};
use hyper::body::Incoming;
use sealgate_audit::{Event, EventType};
use sealgate_crypto::hash::{Digest as _, Sha256};
use sealgate_iam::{ConsoleCredential, ConsoleSession, PasswordSignIn, SignIn};
use sealgate_policy::Caller;
use serde_json::json;
use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::forms::{Form, safe_place};
use crate::pages::link;
use crate::response::{Page, see_other};
use crate::second_step::Halfway;
use crate::sessions::{LONGEST, token};
use crate::views::{Shell, page_with};
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

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    shell: Shell,
    form_token: &'a str,
    to: &'a str,
    with: &'static str,
    access_key_id: &'a str,
    account: &'a str,
    user: &'a str,
    step: &'a str,
    /// The address of the other way to sign in.
    other: String,
    problem: Option<String>,
}

/// What the form shows of what was typed. No secret is among it.
#[derive(Default)]
struct Typed<'a> {
    with: &'static str,
    to: &'a str,
    access_key_id: &'a str,
    account: &'a str,
    user: &'a str,
    step: &'a str,
}

/// The page with the form.
pub(crate) fn show(visit: &Visit) -> Result<Page, Fault> {
    if visit.session.is_some() {
        return Ok(see_other(safe_place(visit.parameter("to"))));
    }
    let typed = Typed {
        with: match visit.parameter("with") {
            "password" => "password",
            _ => "key",
        },
        to: visit.parameter("to"),
        account: visit.parameter("account"),
        ..Typed::default()
    };
    form(visit, StatusCode::OK, &typed, None)
}

fn form(
    visit: &Visit,
    status: StatusCode,
    typed: &Typed<'_>,
    problem: Option<String>,
) -> Result<Page, Fault> {
    let known = visit.cookie(VISITOR_COOKIE);
    let visitor = match &known {
        Some(visitor) => visitor.clone(),
        None => token().map_err(|_| Fault::Internal)?,
    };
    let to = safe_place(typed.to);
    let other = match typed.with {
        "password" => "key",
        _ => "password",
    };
    let page = SignInPage {
        form_token: &visitor_token(&visitor),
        to,
        with: typed.with,
        access_key_id: typed.access_key_id,
        account: typed.account,
        user: typed.user,
        step: typed.step,
        other: link("/console/sign-in", &[("with", other), ("to", to)]),
        problem,
        shell: Shell::new(visit, "", "Sign in"),
    };
    let mut page = page_with(status, &page)?;
    if known.is_none() {
        let seconds = LONGEST.as_secs();
        let secure = visit.conn.secure;
        set_cookie(&mut page, VISITOR_COOKIE, &visitor, secure, seconds);
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
    match form_sent.get("with") {
        "password" => by_password(visit, &form_sent).await,
        "code" => by_code(visit, &form_sent).await,
        _ => by_key(visit, &form_sent).await,
    }
}

/// The page that says how long to wait, if somebody has to.
fn wait(visit: &Visit, subject: &str, typed: &Typed<'_>) -> Option<Result<Page, Fault>> {
    let throttle = &visit.console.throttle;
    let wait = throttle
        .attempt(subject, visit.address(), Instant::now())
        .err()?;
    let seconds = wait.as_secs().max(1);
    let problem = format!(
        "There were too many failed attempts. Try again in {}.",
        crate::pages::words::duration(seconds)
    );
    let page = form(visit, StatusCode::TOO_MANY_REQUESTS, typed, Some(problem));
    Some(page.map(|mut page| {
        page.headers_mut().insert(RETRY_AFTER, seconds.into());
        page
    }))
}

/// The head of a request, as the services see it.
pub(crate) fn parts(visit: &Visit) -> Result<Parts, Fault> {
    let request = Request::builder()
        .method(Method::POST)
        .header(http::header::USER_AGENT, visit.agent())
        .body(())
        .map_err(|_| Fault::Internal)?;
    Ok(request.into_parts().0)
}

async fn refused(
    visit: &Visit,
    known: Option<Box<Caller>>,
    typed: &Typed<'_>,
    mfa: bool,
    problem: &str,
) -> Result<Page, Fault> {
    if let Some(caller) = known {
        record(visit, &caller, false, mfa).await?;
    }
    tracing::warn!(client = %visit.address(), "a sign-in at the console failed");
    form(
        visit,
        StatusCode::FORBIDDEN,
        typed,
        Some(problem.to_owned()),
    )
}

async fn by_key(visit: &Visit, form_sent: &Form) -> Result<Page, Fault> {
    let access_key_id = form_sent.get("access_key_id");
    let secret = Zeroizing::new(form_sent.get("secret_access_key").to_owned());
    let typed = Typed {
        with: "key",
        to: form_sent.get("to"),
        access_key_id,
        ..Typed::default()
    };
    // Named as what it is, so that no other kind of attempt can be typed here.
    let subject = format!("key {access_key_id}");
    if let Some(page) = wait(visit, &subject, &typed) {
        return page;
    }
    let (parts, now) = (parts(visit)?, OffsetDateTime::now_utc());
    let iam = &visit.console.deps.iam;
    let outcome = iam
        .sign_in(access_key_id, &secret, &parts, &visit.conn, now)
        .await
        .map_err(|_| Fault::Internal)?;
    drop(secret);
    match outcome {
        SignIn::Accepted(caller) => {
            let throttle = &visit.console.throttle;
            throttle.succeeded(&subject, visit.address());
            let halfway = Halfway {
                caller,
                credential: ConsoleCredential::AccessKey {
                    id: access_key_id.to_owned(),
                },
                must_change: false,
            };
            first_factor(visit, halfway, typed.to).await
        }
        SignIn::Refused(known) => {
            let problem = "This is not an access key with its secret, or the key is not active.";
            refused(visit, known, &typed, false, problem).await
        }
    }
}

async fn by_password(visit: &Visit, form_sent: &Form) -> Result<Page, Fault> {
    let (account, user) = (form_sent.get("account"), form_sent.get("user"));
    let password = Zeroizing::new(form_sent.raw("password").to_owned());
    let typed = Typed {
        with: "password",
        to: form_sent.get("to"),
        account,
        user,
        ..Typed::default()
    };
    let subject = format!("password {account}/{user}");
    if let Some(page) = wait(visit, &subject, &typed) {
        return page;
    }
    let (parts, now) = (parts(visit)?, OffsetDateTime::now_utc());
    let iam = &visit.console.deps.iam;
    let outcome = iam
        .sign_in_with_password(account, user, &password, &parts, &visit.conn, now)
        .await
        .map_err(|_| Fault::Internal)?;
    drop(password);
    match outcome {
        PasswordSignIn::Accepted {
            caller,
            credential,
            must_change,
        } => {
            visit.console.throttle.succeeded(&subject, visit.address());
            let halfway = Halfway {
                caller,
                credential,
                must_change,
            };
            first_factor(visit, halfway, typed.to).await
        }
        PasswordSignIn::Refused(known) => {
            let problem =
                "There is no such user with this password, or it cannot be used any more.";
            refused(visit, known, &typed, false, problem).await
        }
    }
}

/// Whoever has a second factor is asked for it; others are in.
async fn first_factor(visit: &Visit, halfway: Halfway, to: &str) -> Result<Page, Fault> {
    let iam = &visit.console.deps.iam;
    let two = iam
        .has_second_factor(&halfway.caller.principal)
        .await
        .map_err(|_| Fault::Internal)?;
    if !two {
        return enter(visit, halfway, to, None).await;
    }
    let steps = &visit.console.second_steps;
    let step = steps
        .begin(halfway, Instant::now())
        .map_err(|_| Fault::Internal)?;
    let typed = Typed {
        with: "code",
        to,
        step: &step,
        ..Typed::default()
    };
    form(visit, StatusCode::OK, &typed, None)
}

async fn by_code(visit: &Visit, form_sent: &Form) -> Result<Page, Fault> {
    let (step, to) = (form_sent.get("step"), form_sent.get("to"));
    let typed = Typed {
        with: "code",
        to,
        step,
        ..Typed::default()
    };
    let steps = &visit.console.second_steps;
    let Some(halfway) = steps.find(step, Instant::now()) else {
        let typed = Typed {
            with: "key",
            to,
            ..Typed::default()
        };
        let problem = "It took too long. Begin again.".to_owned();
        return form(visit, StatusCode::FORBIDDEN, &typed, Some(problem));
    };
    let subject = format!("code {}", halfway.caller.principal.arn);
    if let Some(page) = wait(visit, &subject, &typed) {
        return page;
    }
    let now = OffsetDateTime::now_utc();
    let iam = &visit.console.deps.iam;
    let good = iam
        .shows_code(&halfway.caller.principal, form_sent.get("code"), now)
        .await
        .map_err(|_| Fault::Internal)?;
    if !good {
        let problem = "This is not the code that your device shows, or it was used before. Wait for the next one.";
        return refused(visit, Some(halfway.caller), &typed, true, problem).await;
    }
    steps.end(step);
    visit.console.throttle.succeeded(&subject, visit.address());
    enter(visit, halfway, to, Some(now)).await
}

/// Begins the session.
async fn enter(
    visit: &Visit,
    halfway: Halfway,
    to: &str,
    mfa_at: Option<OffsetDateTime>,
) -> Result<Page, Fault> {
    record(visit, &halfway.caller, true, mfa_at.is_some()).await?;
    let since = OffsetDateTime::now_utc();
    let standing = ConsoleSession {
        credential: halfway.credential,
        since,
        expires: since + LONGEST,
        mfa_at,
    };
    let principal = &halfway.caller.principal;
    let place = match halfway.must_change {
        true => "/console/security/password",
        false => safe_place(to),
    };
    let mut page = see_other(place);
    let whose = (principal.arn.as_str(), principal.account_id.as_str());
    begin(visit, &mut page, standing, halfway.must_change, whose)?;
    Ok(page)
}

/// Gives the browser a session, whose name is new. Whatever session it had ends.
pub(crate) fn begin(
    visit: &Visit,
    page: &mut Page,
    standing: ConsoleSession,
    must_change: bool,
    (principal, account): (&str, &str),
) -> Result<(), Fault> {
    let sessions = &visit.console.sessions;
    if let Some(old) = &visit.session {
        sessions.end(old);
    }
    let id = sessions
        .begin(standing, must_change, principal, account, Instant::now())
        .map_err(|_| Fault::Internal)?;
    let secure = visit.conn.secure;
    let seconds = LONGEST.as_secs();
    set_cookie(page, cookie_name(secure), id.expose(), secure, seconds);
    set_cookie(page, VISITOR_COOKIE, "", secure, 0);
    Ok(())
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
async fn record(visit: &Visit, caller: &Caller, good: bool, mfa: bool) -> Result<(), Fault> {
    let id = sealgate_wire::request_id();
    let mut event = Event::new("signin.amazonaws.com", "ConsoleLogin", caller, id);
    event.event_type = EventType::ConsoleSignIn;
    let outcome = if good { "Success" } else { "Failure" };
    event.response_elements = json!({ "ConsoleLogin": outcome });
    event.additional = json!({
        "LoginTo": format!("{}://{}/console/", if visit.conn.secure { "https" } else { "http" }, visit.host),
        "MobileVersion": "No",
        "MFAUsed": if mfa { "Yes" } else { "No" },
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
