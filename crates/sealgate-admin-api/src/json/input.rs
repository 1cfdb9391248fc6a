//! Reading the JSON body of a request, member by member.
//!
//! A wrong type is a `SerializationException` at once; missing members are collected, and reported
//! together, as AWS does. What values mean is judged by the services.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::Failure;

/// The members of a request.
pub struct Input {
    members: Map<String, Value>,
    missing: Vec<String>,
}

impl Input {
    /// Parses a body. An empty one is an empty object.
    pub fn parse(body: &[u8]) -> Result<Input, Failure> {
        let value = if body.iter().all(u8::is_ascii_whitespace) {
            Value::Object(Map::new())
        } else {
            // The parser's words say where, never what.
            serde_json::from_slice(body)
                .map_err(|error| Failure::serialization(format!("The body is not JSON: {error}")))?
        };
        match value {
            Value::Object(members) => Ok(Input {
                members,
                missing: Vec::new(),
            }),
            _ => Err(Failure::serialization("The body is not a JSON object.")),
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name).filter(|value| !value.is_null())
    }

    /// True if the member is there (and not null).
    pub fn has(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(|value| !value.is_null())
    }

    /// A string.
    pub fn string(&mut self, name: &str) -> Result<Option<String>, Failure> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong_type(name, "a string")),
        }
    }

    /// A string that must be there.
    pub fn required(&mut self, name: &str) -> Result<String, Failure> {
        let value = self.string(name)?;
        Ok(self.or_missing(name, value))
    }

    /// An integer.
    pub fn integer(&mut self, name: &str) -> Result<Option<i64>, Failure> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => value
                .as_i64()
                .map(Some)
                .ok_or_else(|| wrong_type(name, "an integer")),
        }
    }

    /// A boolean, false if not there.
    pub fn boolean(&mut self, name: &str) -> Result<bool, Failure> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(value)) => Ok(value),
            Some(_) => Err(wrong_type(name, "a boolean")),
        }
    }

    /// Bytes in base 64.
    pub fn blob(&mut self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Failure> {
        let Some(text) = self.string(name)?.map(Zeroizing::new) else {
            return Ok(None);
        };
        STANDARD
            .decode(text.as_bytes())
            .map(|bytes| Some(Zeroizing::new(bytes)))
            .map_err(|_| wrong_type(name, "base 64"))
    }

    /// Bytes in base 64 that must be there.
    pub fn required_blob(&mut self, name: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let value = self.blob(name)?;
        Ok(self.or_missing(name, value))
    }

    /// A list of strings.
    pub fn strings(&mut self, name: &str) -> Result<Option<Vec<String>>, Failure> {
        let Some(list) = self.list(name)? else {
            return Ok(None);
        };
        list.into_iter()
            .map(|value| match value {
                Value::String(text) => Ok(text),
                _ => Err(wrong_type(name, "a list of strings")),
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// A list that must be there.
    pub fn required_strings(&mut self, name: &str) -> Result<Vec<String>, Failure> {
        let value = self.strings(name)?;
        Ok(self.or_missing(name, value))
    }

    /// A list of structures with two string members, both of which must be there.
    pub fn pairs(
        &mut self,
        name: &str,
        first: &str,
        second: &str,
    ) -> Result<Option<Vec<(String, String)>>, Failure> {
        let Some(list) = self.list(name)? else {
            return Ok(None);
        };
        let mut pairs = Vec::with_capacity(list.len());
        for (at, value) in list.into_iter().enumerate() {
            let Value::Object(members) = value else {
                return Err(wrong_type(name, "a list of structures"));
            };
            let mut item = Input {
                members,
                missing: Vec::new(),
            };
            let pair = (item.required(first)?, item.required(second)?);
            let place = format!("{}.{}.member", member(name), at + 1);
            self.missing.extend(
                item.missing
                    .into_iter()
                    .map(|missing| format!("{place}.{missing}")),
            );
            pairs.push(pair);
        }
        Ok(Some(pairs))
    }

    /// A list of structures.
    pub fn structures(&mut self, name: &str) -> Result<Option<Vec<Input>>, Failure> {
        let Some(list) = self.list(name)? else {
            return Ok(None);
        };
        list.into_iter()
            .map(|value| match value {
                Value::Object(members) => Ok(Input {
                    members,
                    missing: Vec::new(),
                }),
                _ => Err(wrong_type(name, "a list of structures")),
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// Pairs that must be there.
    pub fn required_pairs(
        &mut self,
        name: &str,
        first: &str,
        second: &str,
    ) -> Result<Vec<(String, String)>, Failure> {
        let value = self.pairs(name, first, second)?;
        Ok(self.or_missing(name, value))
    }

    /// A structure. What it lacks is for its reader to say.
    pub fn structure(&mut self, name: &str) -> Result<Option<Input>, Failure> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(members)) => Ok(Some(Input {
                members,
                missing: Vec::new(),
            })),
            Some(_) => Err(wrong_type(name, "a structure")),
        }
    }

    /// A map of strings; empty if not there.
    pub fn map(&mut self, name: &str) -> Result<Vec<(String, String)>, Failure> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(Value::Object(members)) => members
                .into_iter()
                .map(|(key, value)| match value {
                    Value::String(text) => Ok((key, text)),
                    _ => Err(wrong_type(name, "a map of strings")),
                })
                .collect(),
            Some(_) => Err(wrong_type(name, "a map of strings")),
        }
    }

    /// A time: seconds since 1970, with a fraction.
    pub fn time(&mut self, name: &str) -> Result<Option<OffsetDateTime>, Failure> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let wrong = || wrong_type(name, "a time in seconds since 1970");
        let seconds = value.as_f64().ok_or_else(wrong)?;
        // Up to the year 9999; outside, the type has no value for it.
        if !(-62_135_596_800.0..=253_402_300_799.0).contains(&seconds) {
            return Err(wrong());
        }
        #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
        let milliseconds = (seconds * 1000.0) as i128;
        OffsetDateTime::from_unix_timestamp_nanos(milliseconds * 1_000_000)
            .map(Some)
            .map_err(|_| wrong())
    }

    /// Ends the reading: reports what was missing. Members that no operation takes are ignored, as
    /// the protocol asks.
    pub fn finish(&mut self) -> Result<(), Failure> {
        let missing = std::mem::take(&mut self.missing);
        let count = missing.len();
        if count == 0 {
            return Ok(());
        }
        let list: Vec<String> = missing
            .iter()
            .map(|name| {
                format!(
                    "Value null at '{name}' failed to satisfy constraint: Member must not be null"
                )
            })
            .collect();
        let errors = if count == 1 { "error" } else { "errors" };
        Err(Failure::refused(
            "ValidationException",
            format!("{count} validation {errors} detected: {}", list.join("; ")),
        ))
    }

    fn list(&mut self, name: &str) -> Result<Option<Vec<Value>>, Failure> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(_) => Err(wrong_type(name, "a list")),
        }
    }

    fn or_missing<T: Default>(&mut self, name: &str, value: Option<T>) -> T {
        value.unwrap_or_else(|| {
            self.missing.push(member(name));
            T::default()
        })
    }
}

fn wrong_type(name: &str, expected: &str) -> Failure {
    Failure::serialization(format!("The member {name} is not {expected}."))
}

/// `KeyId` as `keyId`.
fn member(name: &str) -> String {
    let mut chars = name.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn input(text: &str) -> Input {
        Input::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn bodies_that_are_no_objects_are_refused() {
        for bad in ["[]", "1", "{", "\"x\"", "{} {}", "null", "\u{fffd}"] {
            assert_eq!(
                Input::parse(bad.as_bytes()).err().unwrap().code,
                "SerializationException",
                "{bad}"
            );
        }
        assert!(Input::parse(b"").is_ok() && Input::parse(b" \n").is_ok());
        let deep = "{\"a\":".repeat(10_000);
        assert!(Input::parse(deep.as_bytes()).is_err());
    }

    #[test]
    fn wrong_types_are_refused() {
        let text = r#"{"S":1,"I":"1","F":1.5,"B":"true","L":{},"N":[1],"M":{"a":1},"X":"%%","T":"now","P":[1]}"#;
        assert!(input(text).string("S").is_err());
        assert!(input(text).integer("I").is_err());
        assert!(input(text).integer("F").is_err());
        assert!(input(text).boolean("B").is_err());
        assert!(input(text).strings("L").is_err());
        assert!(input(text).strings("N").is_err());
        assert!(input(text).map("M").is_err());
        assert!(input(text).blob("X").is_err());
        assert!(input(text).time("T").is_err());
        assert!(input(text).pairs("P", "a", "b").is_err());
        assert!(input("{\"T\":1e300}").time("T").is_err());
    }

    #[test]
    fn missing_members_are_reported_together() {
        let mut input = input(r#"{"KeyId":null,"Tags":[{"TagKey":"a"}]}"#);
        input.required("KeyId").unwrap();
        input.required_blob("Plaintext").unwrap();
        input.required_pairs("Tags", "TagKey", "TagValue").unwrap();
        let failure = input.finish().unwrap_err();
        assert_eq!(failure.code, "ValidationException");
        assert_eq!(
            failure.message,
            "3 validation errors detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null; \
             Value null at 'plaintext' failed to satisfy constraint: Member must not be null; \
             Value null at 'tags.1.member.tagValue' failed to satisfy constraint: Member must not be null"
        );
        assert!(input.finish().is_ok());
    }

    #[test]
    fn times_are_seconds_with_a_fraction() {
        let mut input = input(r#"{"T":1700000000.5,"U":1700000000}"#);
        assert_eq!(
            super::super::timestamp(input.time("T").unwrap().unwrap()),
            serde_json::json!(1_700_000_000.5)
        );
        assert_eq!(
            input.time("U").unwrap().unwrap().unix_timestamp(),
            1_700_000_000
        );
    }
}
