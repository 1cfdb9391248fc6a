//! Cross-origin requests: the bucket's CORS configuration, the answer to a pre-flight, and the headers
//! that an answer to a browser carries
//! ([CORS](https://docs.aws.amazon.com/AmazonS3/latest/userguide/cors.html)).

use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode, header};
use serde::{Deserialize, Serialize};

use crate::S3;
use crate::document::Document;
use crate::error::{Code, Result, S3Error};
use crate::meta::insert;
use crate::names::BucketName;
use crate::response::{self, Response};
use crate::router;
use crate::xml::{Element, Writer};

/// Most rules of a configuration.
const MAX_RULES: usize = 100;
/// Longest id of a rule.
const MAX_ID: usize = 255;
const METHODS: [&str; 5] = ["GET", "PUT", "POST", "DELETE", "HEAD"];

/// `CORSConfiguration`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cors {
    rules: Vec<Rule>,
}

/// `CORSRule`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Rule {
    id: Option<String>,
    origins: Vec<String>,
    methods: Vec<String>,
    headers: Vec<String>,
    exposed: Vec<String>,
    max_age: Option<u32>,
}

impl Document for Cors {
    const KIND: &'static str = "cors";
    const ROOT: &'static str = "CORSConfiguration";
    const MISSING: Code = Code::NoSuchCorsConfiguration;

    fn parse(root: &Element) -> Result<Self> {
        root.only(&["CORSRule"])?;
        if root.children.is_empty() || root.children.len() > MAX_RULES {
            return Err(Code::MalformedXml.into());
        }
        let rules = root
            .children
            .iter()
            .map(Rule::parse)
            .collect::<Result<_>>()?;
        Ok(Self { rules })
    }

    fn write(&self, w: &mut Writer) {
        for rule in &self.rules {
            w.element("CORSRule", |w| rule.write(w));
        }
    }
}

impl Rule {
    fn parse(rule: &Element) -> Result<Self> {
        rule.only(&[
            "ID",
            "AllowedHeader",
            "AllowedMethod",
            "AllowedOrigin",
            "ExposeHeader",
            "MaxAgeSeconds",
        ])?;
        let all = |name: &str| -> Vec<String> {
            rule.all(name).map(|e| e.text.trim().to_owned()).collect()
        };
        let id = rule.optional_text("ID")?.map(str::to_owned);
        let (origins, methods) = (all("AllowedOrigin"), all("AllowedMethod"));
        let (headers, exposed) = (all("AllowedHeader"), all("ExposeHeader"));
        if origins.is_empty() || methods.is_empty() {
            return Err(Code::MalformedXml.into());
        }
        if id.as_ref().is_some_and(|id| id.chars().count() > MAX_ID) {
            return Err(S3Error::invalid_request(
                "The ID of a CORS rule can not be longer than 255 characters.",
            ));
        }
        if let Some(method) = methods.iter().find(|m| !METHODS.contains(&m.as_str())) {
            return Err(S3Error::invalid_request(format!(
                "Found unsupported HTTP method in CORS config. Unsupported method is {method}"
            )));
        }
        for (name, values) in [("AllowedOrigin", &origins), ("AllowedHeader", &headers)] {
            if let Some(value) = values.iter().find(|value| value.matches('*').count() > 1) {
                return Err(S3Error::invalid_request(format!(
                    "{name} \"{value}\" can not have more than one wildcard."
                )));
            }
        }
        if let Some(value) = exposed.iter().find(|value| value.contains('*')) {
            return Err(S3Error::invalid_request(format!(
                "ExposeHeader \"{value}\" contains wildcard. We currently do not support wildcard for ExposeHeader."
            )));
        }
        let names = headers.iter().filter(|name| !name.contains('*'));
        if let Some(name) = names
            .chain(&exposed)
            .find(|name| HeaderName::try_from(name.as_str()).is_err())
        {
            return Err(S3Error::invalid_request(format!(
                "\"{name}\" is no name of a header."
            )));
        }
        let max_age = match rule.optional_text("MaxAgeSeconds")? {
            None => None,
            Some(text) => Some(text.trim().parse().map_err(|_| Code::MalformedXml)?),
        };
        Ok(Self {
            id,
            origins,
            methods,
            headers,
            exposed,
            max_age,
        })
    }

    fn write(&self, w: &mut Writer) {
        w.optional("ID", self.id.as_deref());
        for (name, values) in [
            ("AllowedHeader", &self.headers),
            ("AllowedMethod", &self.methods),
            ("AllowedOrigin", &self.origins),
            ("ExposeHeader", &self.exposed),
        ] {
            for value in values {
                w.text(name, value);
            }
        }
        if let Some(seconds) = self.max_age {
            w.value("MaxAgeSeconds", seconds);
        }
    }

    /// The origin to allow, if the rule allows this request.
    fn allows<'o>(&self, origin: &'o str, method: &str, headers: &[&str]) -> Option<&'o str> {
        let pattern = self
            .origins
            .iter()
            .find(|pattern| matches(pattern, origin))?;
        let header = |name: &&str| {
            let name = name.to_ascii_lowercase();
            let allowed = |pattern: &String| matches(&pattern.to_ascii_lowercase(), &name);
            self.headers.iter().any(allowed)
        };
        let allowed = self.methods.iter().any(|m| m == method) && headers.iter().all(header);
        allowed.then_some(if pattern == "*" { "*" } else { origin })
    }

    /// The headers that tell a browser what it may do with the answer.
    fn tell(&self, answer: &mut HeaderMap, origin: &str) {
        insert(answer, "access-control-allow-origin", origin);
        insert(
            answer,
            "access-control-allow-methods",
            &self.methods.join(", "),
        );
        if !self.exposed.is_empty() {
            insert(
                answer,
                "access-control-expose-headers",
                &self.exposed.join(", "),
            );
        }
        if let Some(seconds) = self.max_age {
            insert(answer, "access-control-max-age", &seconds.to_string());
        }
        if origin != "*" {
            insert(answer, "access-control-allow-credentials", "true");
        }
        vary(answer);
    }
}

/// What the answer depends on, for caches.
fn vary(answer: &mut HeaderMap) {
    insert(
        answer,
        "vary",
        "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
    );
}

/// Whether a text is what the pattern says, in which one `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, end)) => {
            text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end)
        }
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

impl S3 {
    /// Answer a pre-flight: a browser asks whether it may send a request. Nothing of the bucket is told
    /// but its CORS configuration, so that nobody has to be known.
    pub(crate) async fn preflight(&self, parts: &Parts) -> Result<Response> {
        let headers = &parts.headers;
        let origin = text(headers, header::ORIGIN).ok_or_else(|| {
            S3Error::new(
                Code::BadRequest,
                "Insufficient information. Origin request header needed.",
            )
        })?;
        let asked = text(headers, header::ACCESS_CONTROL_REQUEST_METHOD);
        let method = asked.filter(|m| METHODS.contains(m)).ok_or_else(|| {
            let asked = asked.unwrap_or("null");
            S3Error::new(
                Code::BadRequest,
                format!("Invalid Access-Control-Request-Method: {asked}"),
            )
        })?;
        let names: Vec<&str> = text(headers, header::ACCESS_CONTROL_REQUEST_HEADERS)
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .collect();
        let cors = self.cors_of(parts).await?.ok_or_else(|| {
            S3Error::new(
                Code::AccessForbidden,
                "CORSResponse: CORS is not enabled for this bucket.",
            )
        })?;
        let found = cors.rules.iter().find_map(|rule| {
            rule.allows(origin, method, &names)
                .map(|origin| (rule, origin))
        });
        let (rule, origin) = found.ok_or_else(|| {
            S3Error::new(
                Code::AccessForbidden,
                "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.",
            )
            .with("Method", method)
            .with("ResourceType", "OBJECT")
        })?;
        let mut response = response::empty(StatusCode::OK);
        let answer = response.headers_mut();
        rule.tell(answer, origin);
        if !names.is_empty() {
            let names = names.join(", ").to_ascii_lowercase();
            insert(answer, "access-control-allow-headers", &names);
        }
        Ok(response)
    }

    /// Add to the answer of a request from a browser what the bucket's configuration says. Where it says
    /// nothing, or cannot be read, the browser keeps the answer from the page.
    pub(crate) async fn tell_browser(&self, parts: &Parts, response: &mut Response) {
        let Some(origin) = text(&parts.headers, header::ORIGIN) else {
            return;
        };
        let Ok(Some(cors)) = self.cors_of(parts).await else {
            return;
        };
        let answer = response.headers_mut();
        // Another origin may get another answer.
        vary(answer);
        let allowed = cors.rules.iter().find_map(|rule| {
            rule.allows(origin, parts.method.as_str(), &[])
                .map(|origin| (rule, origin))
        });
        if let Some((rule, origin)) = allowed {
            rule.tell(answer, origin);
        }
    }

    async fn cors_of(&self, parts: &Parts) -> Result<Option<Cors>> {
        let host = text(&parts.headers, header::HOST)
            .or_else(|| parts.uri.authority().map(|authority| authority.as_str()));
        let target = router::target(host, parts.uri.path(), &self.config.domains)?;
        let Some(name) = target.bucket else {
            return Ok(None);
        };
        let bucket = self.bucket(BucketName::parse(&name)?.as_str()).await?;
        Cors::of(&bucket)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn parse(rules: &str) -> Result<Cors> {
        let xml = format!("<CORSConfiguration>{rules}</CORSConfiguration>");
        Cors::parse(&Element::parse(xml.as_bytes(), Cors::ROOT)?)
    }

    fn rule(content: &str) -> String {
        format!("<CORSRule>{content}</CORSRule>")
    }

    const BASE: &str =
        "<AllowedMethod>GET</AllowedMethod><AllowedOrigin>https://*.example.com</AllowedOrigin>";

    #[test]
    fn a_configuration_comes_back_as_it_was_put() {
        let content = format!(
            "<ID>a</ID><AllowedHeader>x-*</AllowedHeader>{BASE}<ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>5</MaxAgeSeconds>"
        );
        let cors = parse(&rule(&content)).unwrap();
        let stored: Cors = serde_json::from_slice(&cors.to_bytes().unwrap()).unwrap();
        let xml = Writer::document(Cors::ROOT, |w| stored.write(w));
        assert!(xml.contains(&rule(&content)), "{xml}");
    }

    #[test]
    fn what_no_browser_could_ask_for_is_refused() {
        let many = rule(BASE).repeat(MAX_RULES + 1);
        let id = "i".repeat(MAX_ID + 1);
        for (rules, code) in [
            (String::new(), Code::MalformedXml),
            (many, Code::MalformedXml),
            (
                rule("<AllowedMethod>GET</AllowedMethod>"),
                Code::MalformedXml,
            ),
            (rule("<AllowedOrigin>*</AllowedOrigin>"), Code::MalformedXml),
            (rule(&format!("{BASE}<Other/>")), Code::MalformedXml),
            (
                rule(&format!("{BASE}<MaxAgeSeconds>-1</MaxAgeSeconds>")),
                Code::MalformedXml,
            ),
            (
                rule(&format!("{BASE}<AllowedMethod>PATCH</AllowedMethod>")),
                Code::InvalidRequest,
            ),
            (
                rule(&format!("{BASE}<AllowedOrigin>*a*</AllowedOrigin>")),
                Code::InvalidRequest,
            ),
            (
                rule(&format!("{BASE}<AllowedHeader>**</AllowedHeader>")),
                Code::InvalidRequest,
            ),
            (
                rule(&format!("{BASE}<ExposeHeader>x-*</ExposeHeader>")),
                Code::InvalidRequest,
            ),
            (rule(&format!("<ID>{id}</ID>{BASE}")), Code::InvalidRequest),
        ] {
            assert_eq!(parse(&rules).unwrap_err().kind(), code, "{rules:.200}");
        }
    }

    #[test]
    fn a_rule_allows_what_it_names() {
        let content = format!("{BASE}<AllowedHeader>x-amz-*</AllowedHeader>");
        let cors = parse(&rule(&content)).unwrap();
        let rule = &cors.rules[0];
        let origin = "https://a.example.com";
        for (origin, method, headers, allowed) in [
            (origin, "GET", &[][..], true),
            (origin, "GET", &["X-Amz-Date"], true),
            (origin, "GET", &["authorization"], false),
            (origin, "PUT", &[], false),
            ("https://example.com", "GET", &[], false),
            ("http://a.example.com", "GET", &[], false),
        ] {
            let found = rule.allows(origin, method, headers);
            assert_eq!(
                found,
                allowed.then_some(origin),
                "{origin} {method} {headers:?}"
            );
        }
    }
}
