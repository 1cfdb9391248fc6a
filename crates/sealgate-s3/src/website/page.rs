//! Answers of a website that are made here: redirects, and pages that tell of an error.

use std::fmt::Write as _;

use http::{HeaderValue, Method, StatusCode, header};
use quick_xml::escape::escape;

use super::configuration::Destination;
use crate::error::S3Error;
use crate::meta::insert;
use crate::response::{self, Response};

/// Sends the visitor elsewhere.
pub(super) fn redirect(to: &Destination) -> Response {
    let mut response = response::empty(to.status);
    insert(
        response.headers_mut(),
        header::LOCATION.as_str(),
        &to.location,
    );
    response
}

/// What S3 shows where it has nothing else: the error, and why the site's own page for it is not shown.
pub(super) fn error(
    error: &S3Error,
    own_page: Option<&S3Error>,
    method: &Method,
    request_id: &str,
    host_id: &str,
) -> Response {
    let status = error.status();
    let mut response = response::empty(status);
    if *method != Method::HEAD && status != StatusCode::NOT_MODIFIED {
        let title = format!(
            "{} {}",
            status.as_u16(),
            status.canonical_reason().unwrap_or_default()
        );
        let mut page = format!(
            "<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n<ul>\n"
        );
        write_error(&mut page, error);
        for (name, value) in [("RequestId", request_id), ("HostId", host_id)] {
            write_item(&mut page, name, value);
        }
        page.push_str("</ul>\n");
        if let Some(error) = own_page {
            page.push_str(
                "<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>\n<ul>\n",
            );
            write_error(&mut page, error);
            page.push_str("</ul>\n");
        }
        page.push_str("<hr/>\n</body>\n</html>\n");
        *response.body_mut() = response::full(page);
    }
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    for (name, value) in &error.headers {
        insert(response.headers_mut(), name, value);
    }
    response
}

fn write_error(page: &mut String, error: &S3Error) {
    write_item(page, "Code", error.code());
    write_item(page, "Message", &error.message);
    for (name, value) in &error.details {
        write_item(page, name, value);
    }
}

fn write_item(page: &mut String, name: &str, value: &str) {
    let _ = writeln!(page, "<li>{name}: {}</li>", escape(value));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::error::Code;

    #[tokio::test]
    async fn a_page_shows_no_markup_of_a_visitor() {
        let refusal = S3Error::from(Code::NoSuchKey).with("Key", "<script>\"&");
        let own = S3Error::from(Code::AccessDenied);
        let response = error(&refusal, Some(&own), &Method::GET, "R", "H");
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        let page = response.into_body().collect().await.unwrap().to_bytes();
        let page = std::str::from_utf8(&page).unwrap();
        assert!(page.contains("<title>404 Not Found</title>"), "{page}");
        assert!(
            page.contains("<li>Key: &lt;script&gt;&quot;&amp;</li>"),
            "{page}"
        );
        assert!(page.contains("Custom Error Document</h3>\n<ul>\n<li>Code: AccessDenied</li>"));
        let head = error(&refusal, None, &Method::HEAD, "R", "H");
        assert!(
            head.into_body()
                .collect()
                .await
                .unwrap()
                .to_bytes()
                .is_empty()
        );
    }
}
