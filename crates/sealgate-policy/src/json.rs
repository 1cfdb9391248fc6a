//! JSON as policies need it: a tree that keeps the order of keys and refuses a key that is named
//! twice. A reader that silently takes the first or the last of two would let a document mean one
//! thing to a reviewer and another to the gateway.

use std::collections::HashSet;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::error::PolicyError;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    /// As decimal text.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    pub(crate) fn parse(text: &str) -> Result<Node, PolicyError> {
        // serde_json stops at a depth of 128, so a hostile document cannot exhaust the stack.
        serde_json::from_str(text).map_err(|error| PolicyError::Syntax(error.to_string()))
    }

    pub(crate) fn text(&self, element: &str) -> Result<&str, PolicyError> {
        match self {
            Node::Text(text) => Ok(text),
            _ => Err(wrong_type(element, "a string")),
        }
    }

    pub(crate) fn map(&self, element: &str) -> Result<&[(String, Node)], PolicyError> {
        match self {
            Node::Map(entries) => Ok(entries),
            _ => Err(wrong_type(element, "an object")),
        }
    }

    /// One value or a list of them: the policy language lets either stand almost everywhere.
    pub(crate) fn one_or_many(&self) -> &[Node] {
        match self {
            Node::List(items) => items,
            single => std::slice::from_ref(single),
        }
    }

    /// One string or a list of strings.
    pub(crate) fn texts(&self, element: &str) -> Result<Vec<&str>, PolicyError> {
        self.one_or_many()
            .iter()
            .map(|item| match item {
                Node::Text(text) => Ok(text.as_str()),
                _ => Err(wrong_type(element, "a string or a list of strings")),
            })
            .collect()
    }
}

pub(crate) fn wrong_type(element: &str, expected: &'static str) -> PolicyError {
    PolicyError::WrongType {
        element: element.to_owned(),
        expected,
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Number(value.to_string()))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<Node, E> {
        Ok(Node::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        let mut seen = HashSet::new();
        while let Some((key, value)) = map.next_entry::<String, Node>()? {
            if !seen.insert(key.clone()) {
                return Err(de::Error::custom(format_args!("Duplicate key {key:?}")));
            }
            entries.push((key, value));
        }
        Ok(Node::Map(entries))
    }
}
