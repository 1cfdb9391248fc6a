//! Query strings: names and values, decoded, in order, with repetitions.

use crate::encoding::decode_query;

/// A parsed query string. A name without `=` has an empty value, as at AWS (`?uploads` and `?uploads=`
/// are the same).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Parses the part after `?`. Bytes that are not UTF-8 become U+FFFD, which matches no name and no
    /// id; a signature is checked over the bytes as sent.
    pub fn parse(raw: &str) -> Query {
        let text = |part: &str| String::from_utf8_lossy(&decode_query(part)).into_owned();
        let pairs = raw
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| match pair.split_once('=') {
                Some((name, value)) => (text(name), text(value)),
                None => (text(pair), String::new()),
            })
            .collect();
        Query { pairs }
    }

    /// The query of a request's target.
    pub fn of(uri: &http::Uri) -> Query {
        uri.query().map(Query::parse).unwrap_or_default()
    }

    /// The first value of a name; names are case-sensitive.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// Whether a name is there, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Every value of a name, in order.
    pub fn get_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter().filter(move |(n, _)| *n == name).map(|(_, v)| v)
    }

    /// All pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// Whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The number of pairs.
    pub fn len(&self) -> usize {
        self.pairs.len()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn order_and_repetitions_are_kept() {
        let query = Query::parse("b=1&a=2&b=3&&c");
        let pairs: Vec<_> = query.iter().collect();
        assert_eq!(pairs, [("b", "1"), ("a", "2"), ("b", "3"), ("c", "")]);
        assert_eq!(query.get("b"), Some("1"));
        assert_eq!(query.get_all("b").collect::<Vec<_>>(), ["1", "3"]);
        assert!(query.has("c") && !query.has("C"));
    }

    #[test]
    fn names_and_values_are_decoded() {
        let query = Query::parse("pre%66ix=a%2Fb+c&x=1=2");
        assert_eq!(query.get("prefix"), Some("a/b c"));
        assert_eq!(query.get("x"), Some("1=2"));
    }

    #[test]
    fn an_empty_query_has_no_pairs() {
        assert!(Query::parse("").is_empty());
        assert_eq!(Query::of(&http::Uri::from_static("/a")).len(), 0);
    }
}
