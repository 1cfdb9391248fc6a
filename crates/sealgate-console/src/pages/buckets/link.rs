//! Links that let somebody without credentials read, or write, one object for a while.

use std::time::Duration;

use askama::Template;
use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use sealgate_audit::Event;
use sealgate_iam::{AuthFault, ConsoleCredential, Link};
use sealgate_wire::{encode, encode_path};
use serde_json::json;
use time::OffsetDateTime;
use url::Url;

use super::{bucket_place, object_place};
use crate::actor::S3Request;
use crate::fault::Fault;
use crate::forms::Form;
use crate::response::Page;
use crate::views::{Shell, page_with};
use crate::visit::Visit;

/// As at AWS, a link of Signature Version 4 is good for a week at most.
const LONGEST: u64 = 7 * 24 * 60 * 60;

#[derive(Template)]
#[template(path = "link.html")]
struct LinkPage<'a> {
    shell: Shell,
    bucket: &'a str,
    back: String,
    key: &'a str,
    version: &'a str,
    puts: bool,
    endpoint: String,
    lifetimes: Vec<(u64, &'static str)>,
    lifetime: u64,
    shown: &'a str,
    link: Option<String>,
    endpoint_problem: Option<&'static str>,
    lifetime_problem: Option<&'static str>,
    key_problem: Option<&'static str>,
    why_not: Option<String>,
}

/// What somebody wants a link for.
struct Wish<'a> {
    key: &'a str,
    version: &'a str,
    puts: bool,
    endpoint: String,
    lifetime: Option<u64>,
    shown: &'a str,
}

impl Wish<'_> {
    fn request<'a>(&'a self, bucket: &'a str) -> S3Request<'a> {
        let method = if self.puts { Method::PUT } else { Method::GET };
        let request = S3Request::new(method, bucket).key(self.key);
        match (self.puts, self.version) {
            (true, _) | (_, "") => request,
            (false, version) => request.query("versionId", version),
        }
    }

    /// Where the client will ask; `None` if the endpoint is none.
    fn url(&self, bucket: &str) -> Option<String> {
        let endpoint = Url::parse(&self.endpoint).ok()?;
        let plain = matches!(endpoint.scheme(), "http" | "https")
            && endpoint.has_host()
            && endpoint.path() == "/"
            && endpoint.query().is_none()
            && endpoint.fragment().is_none()
            && endpoint.username().is_empty()
            && endpoint.password().is_none();
        if !plain {
            return None;
        }
        let mut url = format!("{endpoint}{}/{}", encode(bucket), encode_path(self.key));
        let mut add = |name: &str, value: &str| {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&format!("{name}={}", encode(value)));
        };
        if !self.puts {
            if !self.version.is_empty() {
                add("versionId", self.version);
            }
            let name = self.key.trim_end_matches('/').rsplit('/').next();
            match self.shown {
                "saved" => {
                    let name = encode(name.unwrap_or(self.key));
                    let words = format!("attachment; filename*=UTF-8''{name}");
                    add("response-content-disposition", &words);
                }
                "shown" => add("response-content-disposition", "inline"),
                _ => {}
            }
        }
        Some(url)
    }
}

fn own_endpoint(visit: &Visit) -> String {
    let scheme = if visit.conn.secure { "https" } else { "http" };
    format!("{scheme}://{}", visit.host)
}

/// The form.
pub(crate) async fn show(visit: &Visit, bucket: &str) -> Result<Page, Fault> {
    let wish = Wish {
        key: visit.parameter("key"),
        version: visit.parameter("version"),
        puts: visit.parameter("method") == "PUT",
        endpoint: own_endpoint(visit),
        lifetime: Some(3600),
        shown: "saved",
    };
    form(visit, bucket, &wish, false).await
}

/// The link that was asked for.
pub(crate) async fn make(visit: &Visit, bucket: &str, body: Incoming) -> Result<Page, Fault> {
    let form_sent = Form::of_session(visit, body).await?;
    let wish = Wish {
        key: form_sent.raw("key"),
        version: form_sent.get("version"),
        puts: form_sent.get("method") == "PUT",
        endpoint: form_sent.get("endpoint").trim_end_matches('/').to_owned(),
        lifetime: form_sent
            .get("lifetime")
            .parse()
            .ok()
            .filter(|seconds| (1..=LONGEST).contains(seconds)),
        shown: form_sent.get("shown"),
    };
    form(visit, bucket, &wish, true).await
}

async fn form(visit: &Visit, bucket: &str, wish: &Wish<'_>, make: bool) -> Result<Page, Fault> {
    let actor = visit.actor()?;
    let why_not = match (signing_key(visit), wish.key) {
        (None, _) => Some(
            "A link is signed with an access key, and you signed in with a password.".to_owned(),
        ),
        (_, "") => None,
        _ => actor.why_not_s3(&wish.request(bucket)).await?,
    };
    let url = wish.url(bucket);
    let endpoint_problem = (make && url.is_none()).then_some(
        "It is the address of the gateway, such as https://s3.example.com, without a path.",
    );
    let lifetime_problem =
        (make && wish.lifetime.is_none()).then_some("It is from a second to seven days.");
    let key_problem = match wish.key {
        "" if make => Some("Which object is it for?"),
        key if make && key.ends_with('/') && wish.puts => {
            Some("A link is for one object: add its name to the folder.")
        }
        _ => None,
    };
    let link = match (url, wish.lifetime) {
        (Some(url), Some(lifetime)) if make && key_problem.is_none() && why_not.is_none() => {
            Some(signed(visit, bucket, wish, &url, lifetime).await?)
        }
        _ => None,
    };
    let status = match link.is_none() && make {
        true => StatusCode::UNPROCESSABLE_ENTITY,
        false => StatusCode::OK,
    };
    let folder = wish
        .key
        .rfind('/')
        .map_or("", |at| wish.key.split_at(at + 1).0);
    let page = LinkPage {
        bucket,
        back: match wish.puts {
            true => bucket_place(bucket, folder),
            false => object_place(bucket, wish.key, wish.version),
        },
        key: wish.key,
        version: wish.version,
        puts: wish.puts,
        endpoint: wish.endpoint.clone(),
        lifetimes: vec![
            (900, "15 minutes"),
            (3600, "an hour"),
            (12 * 3600, "12 hours"),
            (24 * 3600, "a day"),
            (3 * 24 * 3600, "three days"),
            (LONGEST, "seven days"),
        ],
        lifetime: wish.lifetime.unwrap_or_default(),
        shown: wish.shown,
        link,
        endpoint_problem,
        lifetime_problem,
        key_problem,
        why_not,
        shell: Shell::new(visit, "buckets", "Link"),
    };
    page_with(status, &page)
}

/// The access key that the visitor signed in with; who came with a password has none here.
fn signing_key(visit: &Visit) -> Option<&str> {
    match &visit.session.as_ref()?.standing.credential {
        ConsoleCredential::AccessKey { id } => Some(id),
        ConsoleCredential::Password { .. } => None,
    }
}

/// Signs, in the name of who is signed in. A link outlives the session, so that it was made is on record first.
async fn signed(
    visit: &Visit,
    bucket: &str,
    wish: &Wish<'_>,
    url: &str,
    lifetime: u64,
) -> Result<String, Fault> {
    let key = signing_key(visit).ok_or(Fault::SignIn)?;
    let caller = visit.actor()?.caller().await?;
    let deps = &visit.console.deps;
    let id = sealgate_wire::request_id();
    let mut event = Event::new("s3.amazonaws.com", "PresignUrl", &caller, id);
    event.read_only = !wish.puts;
    event.request_parameters = json!({
        "bucketName": bucket,
        "key": wish.key,
        "versionId": wish.version,
        "method": if wish.puts { "PUT" } else { "GET" },
        "expiresInSeconds": lifetime,
    });
    event.additional = json!({ "accessKeyId": key });
    deps.trail.record(event).await.map_err(|error| {
        tracing::error!(%error, "a link could not be recorded in the audit trail");
        Fault::Internal
    })?;
    let link = Link {
        method: if wish.puts { "PUT" } else { "GET" },
        url,
        lifetime: Duration::from_secs(lifetime),
    };
    let parts = Request::new(()).into_parts().0;
    let now = OffsetDateTime::now_utc();
    let presigned = deps.iam.presign(key, &link, &parts, &visit.conn, now);
    Box::pin(presigned).await.map_err(|fault| match fault {
        AuthFault::Internal => Fault::Internal,
        AuthFault::Refused(_) | AuthFault::MissingAuthenticationToken => Fault::SignIn,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_goes_to_an_endpoint_and_nowhere_below_it() {
        let wish = |endpoint: &str| Wish {
            key: "a b/ä",
            version: "",
            puts: false,
            endpoint: endpoint.to_owned(),
            lifetime: None,
            shown: "saved",
        };
        assert_eq!(
            wish("https://s3.example:9000").url("b").as_deref(),
            Some(
                "https://s3.example:9000/b/a%20b/%C3%A4?response-content-disposition=attachment%3B%20filename%2A%3DUTF-8%27%27%25C3%25A4"
            )
        );
        for bad in [
            "",
            "s3.example",
            "ftp://s3.example",
            "javascript:alert(1)",
            "https://user@s3.example",
            "https://s3.example/path",
            "https://s3.example?x=y",
            "https://s3.example#x",
        ] {
            assert_eq!(wish(bad).url("b"), None, "{bad}");
        }
    }
}
