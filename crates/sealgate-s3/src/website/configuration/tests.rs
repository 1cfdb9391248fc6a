#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;

const INDEX: &str = "<IndexDocument><Suffix>index.html</Suffix></IndexDocument>";

fn parse(content: &str) -> Result<Website> {
    let xml = format!("<WebsiteConfiguration>{content}</WebsiteConfiguration>");
    Website::parse(&Element::parse(xml.as_bytes(), Website::ROOT)?)
}

fn rules(rules: &str) -> String {
    format!("{INDEX}<RoutingRules>{rules}</RoutingRules>")
}

fn rule(condition: &str, redirect: &str) -> String {
    let condition = match condition {
        "" => String::new(),
        condition => format!("<Condition>{condition}</Condition>"),
    };
    format!("<RoutingRule>{condition}<Redirect>{redirect}</Redirect></RoutingRule>")
}

#[test]
fn a_configuration_comes_back_as_it_was_put() {
    let all = rule(
        "<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals><KeyPrefixEquals>a/</KeyPrefixEquals>",
        "<HostName>example.com</HostName><HttpRedirectCode>302</HttpRedirectCode><Protocol>https</Protocol><ReplaceKeyPrefixWith>b/</ReplaceKeyPrefixWith>",
    );
    for content in [
        "<RedirectAllRequestsTo><HostName>example.com</HostName></RedirectAllRequestsTo>".to_owned(),
        "<RedirectAllRequestsTo><HostName>example.com</HostName><Protocol>https</Protocol></RedirectAllRequestsTo>".to_owned(),
        INDEX.to_owned(),
        format!("{INDEX}<ErrorDocument><Key>e&amp;.html</Key></ErrorDocument>"),
        rules(&format!("{all}{}", rule("", "<ReplaceKeyWith>k</ReplaceKeyWith>"))),
    ] {
        let put = parse(&content).unwrap();
        let stored: Website = serde_json::from_slice(&put.to_bytes().unwrap()).unwrap();
        let xml = Writer::document(Website::ROOT, |w| stored.write(w));
        assert!(xml.contains(&format!(">{content}</WebsiteConfiguration>")), "{xml}");
    }
}

#[test]
fn what_no_website_could_do_is_refused() {
    use Code::{InvalidArgument, InvalidRequest, MalformedXml};
    let host = "<HostName>h</HostName>";
    for (content, code) in [
        (String::new(), InvalidArgument),
        ("<IndexDocument/>".to_owned(), MalformedXml),
        (INDEX.replace("index.html", ""), InvalidArgument),
        (INDEX.replace("index.html", "a/b"), InvalidArgument),
        (
            format!("{INDEX}<ErrorDocument><Key></Key></ErrorDocument>"),
            InvalidArgument,
        ),
        (format!("{INDEX}<Other/>"), MalformedXml),
        (
            format!("{INDEX}<RedirectAllRequestsTo>{host}</RedirectAllRequestsTo>"),
            InvalidRequest,
        ),
        (
            "<RedirectAllRequestsTo><HostName>a b</HostName></RedirectAllRequestsTo>".to_owned(),
            InvalidRequest,
        ),
        (
            format!(
                "<RedirectAllRequestsTo>{host}<Protocol>ftp</Protocol></RedirectAllRequestsTo>"
            ),
            InvalidRequest,
        ),
        (rules(""), MalformedXml),
        (rules("<RoutingRule/>"), MalformedXml),
        (rules(&rule("", "")), MalformedXml),
        (
            rules(
                "<RoutingRule><Condition/><Redirect><HostName>h</HostName></Redirect></RoutingRule>",
            ),
            InvalidRequest,
        ),
        (
            rules(&rule(
                "<HttpErrorCodeReturnedEquals>200</HttpErrorCodeReturnedEquals>",
                host,
            )),
            InvalidRequest,
        ),
        (
            rules(&rule("", "<HttpRedirectCode>300</HttpRedirectCode>")),
            InvalidRequest,
        ),
        (
            rules(&rule(
                "",
                "<ReplaceKeyWith>a</ReplaceKeyWith><ReplaceKeyPrefixWith>b</ReplaceKeyPrefixWith>",
            )),
            InvalidRequest,
        ),
        (rules(&rule("", host).repeat(MAX_RULES + 1)), InvalidRequest),
    ] {
        assert_eq!(parse(&content).unwrap_err().kind(), code, "{content:.200}");
    }
}

#[test]
fn the_first_rule_that_fits_says_where_to() {
    let content = rules(
        &[
            rule(
                "<KeyPrefixEquals>docs/</KeyPrefixEquals>",
                "<ReplaceKeyPrefixWith>documents/</ReplaceKeyPrefixWith>",
            ),
            rule(
                "<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals><KeyPrefixEquals>app/</KeyPrefixEquals>",
                "<ReplaceKeyPrefixWith>#!/</ReplaceKeyPrefixWith><HttpRedirectCode>302</HttpRedirectCode>",
            ),
            rule(
                "<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>",
                "<HostName>example.com</HostName><Protocol>https</Protocol><ReplaceKeyWith>gone page</ReplaceKeyWith>",
            ),
        ]
        .concat(),
    );
    let Website::Here(pages) = parse(&content).unwrap() else {
        panic!("no pages");
    };
    let to = |key, status: Option<u16>| {
        let visit = Visit {
            protocol: Protocol::Http,
            host: "w.example:8080",
            key,
        };
        let status = status.map(|status| StatusCode::from_u16(status).unwrap());
        let found = pages.destination(visit, status);
        found.map(|to| (to.status.as_u16(), to.location))
    };
    let at = |status, location: &str| Some((status, location.to_owned()));
    assert_eq!(
        to("docs/a", None),
        at(301, "http://w.example:8080/documents/a")
    );
    assert_eq!(to("docs/a", Some(403)), None);
    assert_eq!(to("app/x", None), None);
    assert_eq!(
        to("app/x", Some(404)),
        at(302, "http://w.example:8080/#!/x")
    );
    assert_eq!(
        to("other", Some(404)),
        at(301, "https://example.com/gone%20page")
    );
}
