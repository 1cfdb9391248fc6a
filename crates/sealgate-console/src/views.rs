//! What every page is made with: the frame around it, and the pages that belong to no part of the console.

use askama::Template;

use crate::assets;
use crate::fault::Fault;
use crate::response::{Page, html};
use crate::sessions::{Notice, token};
use crate::visit::Visit;

/// Who is signed in, as the frame shows it.
pub(crate) struct Who {
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(crate) account: String,
}

/// The frame of a page.
pub(crate) struct Shell {
    pub(crate) title: String,
    pub(crate) section: &'static str,
    pub(crate) nonce: String,
    pub(crate) theme: &'static str,
    pub(crate) place: String,
    pub(crate) form_token: String,
    /// Made for this page: a form that is sent twice acts once.
    pub(crate) once: String,
    pub(crate) who: Option<Who>,
    pub(crate) notice: Option<Notice>,
    pub(crate) css: String,
    pub(crate) js: String,
    pub(crate) htmx: String,
    pub(crate) mark: String,
    /// Of pages with charts: their scripts and styles.
    pub(crate) charts: Option<Charts>,
}

/// What draws charts.
pub(crate) struct Charts {
    pub(crate) css: String,
    pub(crate) uplot: String,
    pub(crate) js: String,
}

impl Shell {
    pub(crate) fn new(visit: &Visit, section: &'static str, title: impl Into<String>) -> Shell {
        let session = visit.session.as_ref();
        let place = match visit.method {
            http::Method::GET => visit.place.clone(),
            _ => "/console/".to_owned(),
        };
        Shell {
            title: title.into(),
            section,
            nonce: visit.nonce.clone(),
            theme: visit.theme.word(),
            place,
            form_token: session.map_or(String::new(), |it| it.form_token.clone()),
            once: token().unwrap_or_default(),
            who: session.map(|session| Who {
                arn: session.principal.clone(),
                name: short_name(&session.principal),
                account: session.account.clone(),
            }),
            notice: session.and_then(|session| visit.console.sessions.told(session)),
            css: assets::url("console.css"),
            js: assets::url("console.js"),
            htmx: assets::url("htmx.min.js"),
            mark: assets::url("mark.svg"),
            charts: None,
        }
    }

    /// The frame of a page with charts.
    pub(crate) fn with_charts(self) -> Shell {
        Shell {
            charts: Some(Charts {
                css: assets::url("uplot.min.css"),
                uplot: assets::url("uplot.min.js"),
                js: assets::url("charts.js"),
            }),
            ..self
        }
    }
}

/// The name at the end of an ARN.
pub(crate) fn short_name(arn: &str) -> String {
    let name = arn.rsplit([':', '/']).next().unwrap_or(arn);
    if name == "root" {
        "Root user".to_owned()
    } else {
        name.to_owned()
    }
}

/// A page of a template.
pub(crate) fn page(template: &impl Template) -> Result<Page, Fault> {
    page_with(http::StatusCode::OK, template)
}

/// The same with another status than 200.
pub(crate) fn page_with(status: http::StatusCode, template: &impl Template) -> Result<Page, Fault> {
    let text = template.render().map_err(|error| {
        tracing::error!(%error, "a page cannot be written");
        Fault::Internal
    })?;
    Ok(html(status, text))
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    shell: Shell,
    heading: &'a str,
    words: &'a str,
    request_id: &'a str,
}

/// The page of an error.
pub(crate) fn error_page(visit: &Visit, heading: &str, words: &str, request_id: &str) -> String {
    let page = ErrorPage {
        shell: Shell::new(visit, "", heading),
        heading,
        words,
        request_id,
    };
    page.render()
        .unwrap_or_else(|_| "This page cannot be written.".to_owned())
}

/// Whether two texts are the same, for templates, which have references to references.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one == other
}
