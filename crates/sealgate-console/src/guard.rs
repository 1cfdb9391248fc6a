//! The way of every request of the console: who it is, whether it may come from where it does, which page it is for,
//! and the headers that its answer leaves with.

use std::sync::Arc;
use std::time::Instant;

use http::header::{CONNECTION, REFERER};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use sealgate_wire::{Connection, encode};

use crate::fault::Fault;
use crate::forms::{is_same_origin, safe_place};
use crate::pages;
use crate::response::{Page, html, protect, see_other, whole};
use crate::sessions::token;
use crate::sign_in;
use crate::views;
use crate::visit::Visit;
use crate::{Answer, Inner, assets};

const HX_REQUEST: HeaderName = HeaderName::from_static("hx-request");
const HX_REDIRECT: HeaderName = HeaderName::from_static("hx-redirect");

/// Answers a request.
pub(crate) async fn answer(
    console: &Arc<Inner>,
    parts: Parts,
    body: Incoming,
    conn: &Connection,
    request_id: &str,
) -> Answer {
    let unread = !body.is_end_stream();
    let Ok(nonce) = token() else {
        tracing::error!("the system has no random numbers");
        return bare(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let Some(mut visit) = Visit::new(console, &parts, conn, nonce) else {
        // `/console`, or the bare address of the console itself.
        return match parts.uri.path() {
            "/console" | "/" => Answer {
                response: see_other("/console/"),
                page: "Redirect",
                principal: None,
            },
            _ => bare(StatusCode::NOT_FOUND),
        };
    };
    if let [folder, hash, name] = visit.path.as_slice()
        && folder == "assets"
        && matches!(parts.method, Method::GET | Method::HEAD)
        && let Some(response) = assets::answer(hash, name, &parts)
    {
        return Answer {
            response,
            page: "Asset",
            principal: None,
        };
    }
    visit.session = visit
        .cookie(sign_in::cookie_name(conn.secure))
        .and_then(|id| console.sessions.find(&id, Instant::now()));
    let changes = !matches!(visit.method, Method::GET | Method::HEAD);
    let (page, outcome) = if !console.deps.cleartext.permits(conn) {
        ("Cleartext", Err(Fault::Cleartext))
    } else if changes && !is_same_origin(&visit) {
        ("Forged", Err(Fault::Forged))
    } else {
        pages::route(&visit, body).await
    };
    let refused = outcome.is_err();
    let mut response = match outcome {
        Ok(response) => response,
        Err(Fault::SignIn) => to_sign_in(&visit),
        Err(fault) => {
            if matches!(fault, Fault::Internal) {
                tracing::error!(request_id, page, "a page of the console failed");
            }
            let (heading, words) = fault.words();
            let text = views::error_page(&visit, heading, &words, request_id);
            html(fault.status(), text)
        }
    };
    protect(
        response.headers_mut(),
        &visit.nonce,
        conn.secure,
        &visit.host,
    );
    if refused && unread {
        // Its body may not have been read.
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    Answer {
        response,
        page,
        principal: visit.session.map(|session| session.principal),
    }
}

fn bare(status: StatusCode) -> Answer {
    let mut response = http::Response::new(whole("There is nothing here.\n"));
    *response.status_mut() = status;
    protect(response.headers_mut(), "none", false, "");
    Answer {
        response,
        page: "Unknown",
        principal: None,
    }
}

/// To the sign-in, and from there back to the page that was asked for, or that the form was on.
fn to_sign_in(visit: &Visit) -> Page {
    let on_page = visit
        .headers
        .get(REFERER)
        .and_then(|value| value.to_str().ok())
        .and_then(|url| Some(format!("/{}", url.split_once("://")?.1.split_once('/')?.1)));
    let place = match visit.method {
        Method::GET | Method::HEAD => visit.place.clone(),
        _ => on_page.unwrap_or_default(),
    };
    let place = format!("/console/sign-in?to={}", encode(safe_place(&place)));
    if visit.headers.contains_key(HX_REQUEST)
        && let Ok(value) = HeaderValue::try_from(&place)
    {
        let mut response = http::Response::new(whole(""));
        response.headers_mut().insert(HX_REDIRECT, value);
        return response;
    }
    see_other(&place)
}
