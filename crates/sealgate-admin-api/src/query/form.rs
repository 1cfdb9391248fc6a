//! The parameters of a Query-protocol request: a form in the body, or the query of the URL.

use sealgate_iam::{IamError, Paging, constraint};
use sealgate_wire::Query;

/// The parameters. Those of the body come first; a name is looked up once.
pub struct Form {
    body: Query,
    url: Query,
}

impl Form {
    /// Parses both places.
    pub fn parse(body: &str, url: Option<&str>) -> Form {
        Form {
            body: Query::parse(body),
            url: url.map(Query::parse).unwrap_or_default(),
        }
    }

    /// A parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.body.get(name).or_else(|| self.url.get(name))
    }

    /// A parameter that must be there; `member` is its name in IAM's messages.
    pub fn required(&self, name: &str, member: &str) -> Result<&str, IamError> {
        self.get(name).ok_or_else(|| {
            IamError::Validation(format!(
                "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
            ))
        })
    }

    /// True if there is a parameter whose name begins so.
    pub fn has_prefix(&self, prefix: &str) -> bool {
        self.body
            .iter()
            .chain(self.url.iter())
            .any(|(name, _)| name.starts_with(prefix))
    }

    /// `Marker` and `MaxItems`.
    pub fn paging(&self) -> Result<Paging, IamError> {
        let limit = match self.get("MaxItems") {
            None => None,
            Some(text) => {
                let rule = match text.parse::<i64>() {
                    Ok(1..=1000) => None,
                    Ok(number) if number > 1000 => {
                        Some("Member must have value less than or equal to 1000")
                    }
                    Ok(_) => Some("Member must have value greater than or equal to 1"),
                    Err(_) => Some("Member must be an integer"),
                };
                if let Some(rule) = rule {
                    return Err(constraint("maxItems", text, rule));
                }
                text.parse::<usize>().ok()
            }
        };
        let marker = match self.get("Marker") {
            Some("") => {
                return Err(constraint(
                    "marker",
                    "",
                    "Member must have length greater than or equal to 1",
                ));
            }
            marker => marker.map(str::to_owned),
        };
        Ok(Paging { marker, limit })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn the_body_wins_over_the_url() {
        let form = Form::parse(
            "Action=A&UserName=al+ice%40x",
            Some("Action=B&Path=%2Fp%2F"),
        );
        assert_eq!(form.get("Action"), Some("A"));
        assert_eq!(form.get("UserName"), Some("al ice@x"));
        assert_eq!(form.get("Path"), Some("/p/"));
        assert!(form.has_prefix("User") && !form.has_prefix("Tags."));
    }

    #[test]
    fn paging_is_checked() {
        let limit = |text: &str| Form::parse(text, None).paging();
        assert_eq!(limit("").unwrap().limit, None);
        assert_eq!(limit("MaxItems=1000").unwrap().limit, Some(1000));
        for bad in [
            "MaxItems=0",
            "MaxItems=1001",
            "MaxItems=x",
            "MaxItems=-1",
            "Marker=",
        ] {
            assert_eq!(limit(bad).unwrap_err().code(), "ValidationError", "{bad}");
        }
    }

    #[test]
    fn a_missing_parameter_is_named() {
        let error = Form::parse("", None)
            .required("UserName", "userName")
            .map(str::to_owned)
            .unwrap_err();
        assert_eq!(
            error.message(),
            "1 validation error detected: Value null at 'userName' failed to satisfy constraint: Member must not be null"
        );
    }
}
