//! `WebsiteConfiguration`: which documents a website shows, and where it sends its visitors
//! ([hosting a website](https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteHosting.html)).

use http::StatusCode;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::document::Document;
use crate::error::{Code, Result, S3Error};
use crate::xml::{Element, Writer};

/// Most routing rules.
const MAX_RULES: usize = 50;
/// What has no place in a `Location`. All else stays as the owner wrote it: `#!/` is a way to lead into an
/// application of one page.
const LOCATION: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// `WebsiteConfiguration`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Website {
    /// Everything is elsewhere.
    Elsewhere(AllElsewhere),
    Here(Pages),
}

/// `RedirectAllRequestsTo`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AllElsewhere {
    host: String,
    protocol: Option<Protocol>,
}

/// A website of pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pages {
    /// What is shown for a folder.
    pub(crate) index: String,
    /// What is shown instead of an error.
    pub(crate) error: Option<String>,
    rules: Vec<Rule>,
}

/// `RoutingRule`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Rule {
    status: Option<u16>,
    prefix: Option<String>,
    redirect: Redirect,
}

/// `Redirect`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Redirect {
    host: Option<String>,
    protocol: Option<Protocol>,
    code: Option<u16>,
    replace_prefix: Option<String>,
    replace_key: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Protocol {
    Http,
    Https,
}

/// Where a visitor is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    pub(crate) status: StatusCode,
    pub(crate) location: String,
}

/// How the visitor came: what a redirect does not say stays so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visit<'a> {
    pub(crate) protocol: Protocol,
    pub(crate) host: &'a str,
    pub(crate) key: &'a str,
}

impl Protocol {
    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn parse(text: &str) -> Result<Self> {
        match text {
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            _ => Err(S3Error::invalid_request(
                "Invalid protocol, protocol can be http or https. If not defined the protocol will be selected automatically.",
            )),
        }
    }

    fn of(element: &Element) -> Result<Option<Self>> {
        element
            .optional_text("Protocol")?
            .map(Self::parse)
            .transpose()
    }
}

fn location(protocol: Protocol, host: &str, key: &str) -> String {
    let key = utf8_percent_encode(key, LOCATION);
    format!("{}://{host}/{key}", protocol.name())
}

impl AllElsewhere {
    pub(crate) fn destination(&self, visit: Visit<'_>) -> Destination {
        Destination {
            status: StatusCode::MOVED_PERMANENTLY,
            location: location(
                self.protocol.unwrap_or(visit.protocol),
                &self.host,
                visit.key,
            ),
        }
    }
}

impl Pages {
    /// Where the first rule that fits sends a visitor: before the object is looked for (`None`), or when that ended
    /// with this status.
    pub(crate) fn destination(
        &self,
        visit: Visit<'_>,
        status: Option<StatusCode>,
    ) -> Option<Destination> {
        let rule = self.rules.iter().find(|rule| {
            rule.status == status.map(|status| status.as_u16())
                && rule
                    .prefix
                    .as_ref()
                    .is_none_or(|prefix| visit.key.starts_with(prefix.as_str()))
        })?;
        Some(rule.destination(visit))
    }
}

impl Rule {
    fn destination(&self, visit: Visit<'_>) -> Destination {
        let redirect = &self.redirect;
        let key = match (&redirect.replace_key, &redirect.replace_prefix) {
            (Some(key), _) => key.clone(),
            (None, Some(new)) => {
                let old = self.prefix.as_deref().unwrap_or_default();
                let rest = visit.key.strip_prefix(old).unwrap_or(visit.key);
                format!("{new}{rest}")
            }
            (None, None) => visit.key.to_owned(),
        };
        let code = redirect
            .code
            .and_then(|code| StatusCode::from_u16(code).ok());
        Destination {
            status: code.unwrap_or(StatusCode::MOVED_PERMANENTLY),
            location: location(
                redirect.protocol.unwrap_or(visit.protocol),
                redirect.host.as_deref().unwrap_or(visit.host),
                &key,
            ),
        }
    }

    fn parse(element: &Element) -> Result<Self> {
        element.only(&["Condition", "Redirect"])?;
        let (status, prefix) = match element.optional("Condition")? {
            None => (None, None),
            Some(condition) => {
                condition.only(&["HttpErrorCodeReturnedEquals", "KeyPrefixEquals"])?;
                if condition.children.is_empty() {
                    return Err(S3Error::invalid_request(
                        "Condition cannot be empty. To redirect all requests without a condition, the condition element shouldn't be present.",
                    ));
                }
                let status = condition.optional_text("HttpErrorCodeReturnedEquals")?;
                let status = status.map(|text| {
                    number(text, 400..=599).ok_or_else(|| {
                        S3Error::invalid_request(format!(
                            "The provided HTTP error code ({text}) is not valid. Valid codes are 4XX or 5XX."
                        ))
                    })
                });
                let prefix = condition.optional_text("KeyPrefixEquals")?;
                (status.transpose()?, prefix.map(str::to_owned))
            }
        };
        let redirect = element.optional("Redirect")?.ok_or(Code::MalformedXml)?;
        Ok(Self {
            status,
            prefix,
            redirect: Redirect::parse(redirect)?,
        })
    }

    fn write(&self, w: &mut Writer) {
        if self.status.is_some() || self.prefix.is_some() {
            w.element("Condition", |w| {
                if let Some(status) = self.status {
                    w.value("HttpErrorCodeReturnedEquals", status);
                }
                w.optional("KeyPrefixEquals", self.prefix.as_deref());
            });
        }
        w.element("Redirect", |w| self.redirect.write(w));
    }
}

impl Redirect {
    fn parse(element: &Element) -> Result<Self> {
        element.only(&[
            "HostName",
            "HttpRedirectCode",
            "Protocol",
            "ReplaceKeyPrefixWith",
            "ReplaceKeyWith",
        ])?;
        if element.children.is_empty() {
            return Err(Code::MalformedXml.into());
        }
        let text = |name| -> Result<Option<String>> {
            Ok(element.optional_text(name)?.map(str::to_owned))
        };
        let code = element.optional_text("HttpRedirectCode")?.map(|text| {
            number(text, 301..=399).ok_or_else(|| {
                S3Error::invalid_request(format!(
                    "The provided HTTP redirect code ({text}) is not valid. Valid codes are 3XX except 300."
                ))
            })
        });
        let redirect = Self {
            host: element.optional_text("HostName")?.map(host).transpose()?,
            protocol: Protocol::of(element)?,
            code: code.transpose()?,
            replace_prefix: text("ReplaceKeyPrefixWith")?,
            replace_key: text("ReplaceKeyWith")?,
        };
        if redirect.replace_prefix.is_some() && redirect.replace_key.is_some() {
            return Err(S3Error::invalid_request(
                "You can only define ReplaceKeyPrefix or ReplaceKey but not both.",
            ));
        }
        Ok(redirect)
    }

    fn write(&self, w: &mut Writer) {
        w.optional("HostName", self.host.as_deref());
        if let Some(code) = self.code {
            w.value("HttpRedirectCode", code);
        }
        w.optional("Protocol", self.protocol.map(Protocol::name));
        w.optional("ReplaceKeyPrefixWith", self.replace_prefix.as_deref());
        w.optional("ReplaceKeyWith", self.replace_key.as_deref());
    }
}

fn number(text: &str, range: std::ops::RangeInclusive<u16>) -> Option<u16> {
    text.parse().ok().filter(|number| range.contains(number))
}

/// A host, perhaps with a port: nothing that could end it in a URL.
fn host(text: &str) -> Result<String> {
    let is = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':' | b'_');
    if !text.is_empty() && text.bytes().all(is) {
        Ok(text.to_owned())
    } else {
        Err(S3Error::invalid_request(format!(
            "The HostName ({text}) is not well formed."
        )))
    }
}

impl Document for Website {
    const KIND: &'static str = "website";
    const ROOT: &'static str = "WebsiteConfiguration";
    const MISSING: Code = Code::NoSuchWebsiteConfiguration;

    fn parse(root: &Element) -> Result<Self> {
        root.only(&[
            "ErrorDocument",
            "IndexDocument",
            "RedirectAllRequestsTo",
            "RoutingRules",
        ])?;
        if let Some(elsewhere) = root.optional("RedirectAllRequestsTo")? {
            elsewhere.only(&["HostName", "Protocol"])?;
            if root.children.len() > 1 {
                return Err(S3Error::invalid_request(
                    "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.",
                ));
            }
            return Ok(Self::Elsewhere(AllElsewhere {
                host: host(elsewhere.required_text("HostName")?)?,
                protocol: Protocol::of(elsewhere)?,
            }));
        }
        let Some(index) = root.optional("IndexDocument")? else {
            return Err(S3Error::argument(
                "IndexDocument",
                "null",
                "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
            ));
        };
        index.only(&["Suffix"])?;
        let suffix = index.required_text("Suffix")?;
        if suffix.is_empty() || suffix.contains('/') {
            return Err(S3Error::argument(
                "IndexDocument",
                suffix,
                "The IndexDocument Suffix is not well formed",
            ));
        }
        let error = root.optional("ErrorDocument")?.map(|error| {
            error.only(&["Key"])?;
            match error.required_text("Key")? {
                "" => Err(S3Error::argument(
                    "ErrorDocument",
                    "",
                    "The ErrorDocument Key is not well formed",
                )),
                key => Ok(key.to_owned()),
            }
        });
        let rules = match root.optional("RoutingRules")? {
            None => Vec::new(),
            Some(rules) => {
                rules.only(&["RoutingRule"])?;
                if rules.children.is_empty() {
                    return Err(Code::MalformedXml.into());
                }
                rules
                    .children
                    .iter()
                    .map(Rule::parse)
                    .collect::<Result<_>>()?
            }
        };
        if rules.len() > MAX_RULES {
            return Err(S3Error::invalid_request(format!(
                "{} routing rules provided, the number of routing rules in a website configuration is limited to {MAX_RULES}.",
                rules.len()
            )));
        }
        Ok(Self::Here(Pages {
            index: suffix.to_owned(),
            error: error.transpose()?,
            rules,
        }))
    }

    fn write(&self, w: &mut Writer) {
        match self {
            Self::Elsewhere(elsewhere) => w.element("RedirectAllRequestsTo", |w| {
                w.text("HostName", &elsewhere.host);
                w.optional("Protocol", elsewhere.protocol.map(Protocol::name));
            }),
            Self::Here(pages) => {
                w.element("IndexDocument", |w| w.text("Suffix", &pages.index));
                if let Some(key) = &pages.error {
                    w.element("ErrorDocument", |w| w.text("Key", key));
                }
                if !pages.rules.is_empty() {
                    w.element("RoutingRules", |w| {
                        for rule in &pages.rules {
                            w.element("RoutingRule", |w| rule.write(w));
                        }
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
