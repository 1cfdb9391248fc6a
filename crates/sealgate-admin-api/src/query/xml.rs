//! XML answers of the Query protocol.

use quick_xml::escape::escape;
use time::OffsetDateTime;
use time::macros::format_description;

/// Elements, built in order.
#[derive(Default)]
pub struct Xml {
    text: String,
}

impl Xml {
    /// No elements yet.
    pub fn new() -> Xml {
        Xml::default()
    }

    /// An element with text.
    pub fn text(&mut self, name: &str, value: &str) -> &mut Xml {
        // Characters that XML 1.0 cannot hold at all would make the whole answer unreadable.
        let legal: String = value
            .chars()
            .map(|c| match c {
                '\t' | '\n' | '\r' => c,
                '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
                c => c,
            })
            .collect();
        self.text
            .push_str(&format!("<{name}>{}</{name}>", escape(legal.as_str())));
        self
    }

    /// An element with a time, to the second.
    pub fn time(&mut self, name: &str, value: OffsetDateTime) -> &mut Xml {
        self.text(name, &iso(value))
    }

    /// An element with elements.
    pub fn element(&mut self, name: &str, inner: impl FnOnce(&mut Xml)) -> &mut Xml {
        self.text.push_str(&format!("<{name}>"));
        inner(self);
        self.text.push_str(&format!("</{name}>"));
        self
    }

    /// An element with attributes written as they stand, and elements.
    fn root(name: &str, namespace: &str, inner: impl FnOnce(&mut Xml)) -> String {
        let mut xml = Xml::new();
        xml.text
            .push_str(&format!("<{name} xmlns=\"{namespace}\">"));
        inner(&mut xml);
        xml.text.push_str(&format!("</{name}>\n"));
        xml.text
    }
}

/// `2026-01-02T03:04:05Z`.
pub fn iso(time: OffsetDateTime) -> String {
    time.format(format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second]Z"
    ))
    .unwrap_or_default()
}

/// The answer to an operation that succeeded.
pub fn success(namespace: &str, operation: &str, result: Option<Xml>, request_id: &str) -> String {
    Xml::root(&format!("{operation}Response"), namespace, |xml| {
        if let Some(result) = result {
            xml.element(&format!("{operation}Result"), |xml| {
                xml.text.push_str(&result.text)
            });
        }
        xml.element("ResponseMetadata", |xml| {
            xml.text("RequestId", request_id);
        });
    })
}

/// The answer to a request that failed.
pub fn failure(
    namespace: &str,
    status: u16,
    code: &str,
    message: &str,
    request_id: &str,
) -> String {
    Xml::root("ErrorResponse", namespace, |xml| {
        xml.element("Error", |xml| {
            xml.text("Type", if status < 500 { "Sender" } else { "Receiver" });
            xml.text("Code", code);
            xml.text("Message", message);
        });
        xml.text("RequestId", request_id);
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::tests::leaves;

    #[test]
    fn answers_read_back_as_they_were_meant() {
        let mut result = Xml::new();
        result.element("User", |xml| {
            xml.text("UserName", "a<&>\"'b");
            xml.time(
                "CreateDate",
                OffsetDateTime::from_unix_timestamp(0).unwrap(),
            );
        });
        let xml = success("urn:x", "GetUser", Some(result), "RID");
        assert!(xml.starts_with("<GetUserResponse xmlns=\"urn:x\"><GetUserResult>"));
        assert_eq!(
            leaves(&xml),
            [
                (
                    "GetUserResponse/GetUserResult/User/UserName".into(),
                    "a<&>\"'b".into()
                ),
                (
                    "GetUserResponse/GetUserResult/User/CreateDate".into(),
                    "1970-01-01T00:00:00Z".into()
                ),
                (
                    "GetUserResponse/ResponseMetadata/RequestId".into(),
                    "RID".to_owned()
                ),
            ] as [(String, String); 3]
        );
    }

    #[test]
    fn errors_say_whose_fault_it_is() {
        let leaf = |status| leaves(&failure("urn:x", status, "Code", "a\u{1}b", "RID"));
        assert_eq!(
            leaf(404),
            [
                ("ErrorResponse/Error/Type".to_owned(), "Sender".to_owned()),
                ("ErrorResponse/Error/Code".to_owned(), "Code".to_owned()),
                (
                    "ErrorResponse/Error/Message".to_owned(),
                    "a\u{fffd}b".to_owned()
                ),
                ("ErrorResponse/RequestId".to_owned(), "RID".to_owned()),
            ]
        );
        assert!(leaf(501).iter().any(|(_, text)| text == "Receiver"));
    }
}
