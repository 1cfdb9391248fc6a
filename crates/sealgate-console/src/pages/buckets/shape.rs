//! Documents of S3 in the two spellings that people meet: the XML of the protocol, and the JSON that the command line
//! takes and shows. A table says how they belong together; nothing is translated that is not in it.

use serde_json::{Map, Value};

use super::xml_text;
use crate::xml::Element;

/// What a place in a document holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Text,
    Number,
    Bool,
    /// Fields: the name in JSON, the name in XML, what it holds.
    Fields(&'static [(&'static str, &'static str, Shape)]),
    /// The same element over and over, without one around them.
    Each(&'static Shape),
    /// The same element over and over, within one.
    Within(&'static str, &'static Shape),
}

const FIELD: &str = "is not a field of this document";

/// The document in JSON.
pub(crate) fn to_json(element: &Element, shape: Shape) -> Value {
    match shape {
        Shape::Text => element.own_text().into(),
        Shape::Number => match element.own_text().trim().parse::<u64>() {
            Ok(number) => number.into(),
            Err(_) => element.own_text().into(),
        },
        Shape::Bool => (element.own_text().trim() == "true").into(),
        Shape::Within(name, inner) => {
            let all = element.all(name).map(|one| to_json(one, *inner));
            Value::Array(all.collect())
        }
        // Where it stands it is read by the fields around it.
        Shape::Each(inner) => to_json(element, *inner),
        Shape::Fields(fields) => {
            let mut map = Map::new();
            for (json, xml, shape) in fields {
                if let Shape::Each(inner) = shape {
                    let all: Vec<Value> =
                        element.all(xml).map(|one| to_json(one, **inner)).collect();
                    if !all.is_empty() {
                        map.insert((*json).to_owned(), all.into());
                    }
                } else if let Some(child) = element.child(xml) {
                    map.insert((*json).to_owned(), to_json(child, *shape));
                }
            }
            Value::Object(map)
        }
    }
}

/// The document in XML, or what is wrong and where.
pub(crate) fn to_xml(name: &str, value: &Value, shape: Shape) -> Result<String, String> {
    let mut document = String::new();
    write(&mut document, name, value, shape, "")?;
    Ok(document)
}

fn write(
    to: &mut String,
    name: &str,
    value: &Value,
    shape: Shape,
    place: &str,
) -> Result<(), String> {
    let wrong = |what: &str| match place {
        "" => format!("The document has to be {what}."),
        place => format!("{place} has to be {what}."),
    };
    let below = |field: &str| match place {
        "" => field.to_owned(),
        place => format!("{place}.{field}"),
    };
    if let Shape::Each(inner) = shape {
        let list = value.as_array().ok_or_else(|| wrong("a list, in [ ]"))?;
        for (at, one) in list.iter().enumerate() {
            write(to, name, one, *inner, &format!("{place}[{at}]"))?;
        }
        return Ok(());
    }
    to.push_str(&format!("<{name}>"));
    match shape {
        Shape::Text => {
            let text = value.as_str().ok_or_else(|| wrong("text, in quotes"))?;
            to.push_str(&xml_text(text));
        }
        Shape::Number => {
            let number = value.as_u64().ok_or_else(|| wrong("a whole number"))?;
            to.push_str(&number.to_string());
        }
        Shape::Bool => {
            let yes = value.as_bool().ok_or_else(|| wrong("true or false"))?;
            to.push_str(if yes { "true" } else { "false" });
        }
        Shape::Within(inner_name, inner) => {
            let list = value.as_array().ok_or_else(|| wrong("a list, in [ ]"))?;
            for (at, one) in list.iter().enumerate() {
                write(to, inner_name, one, *inner, &format!("{place}[{at}]"))?;
            }
        }
        Shape::Fields(fields) => {
            let map = value.as_object().ok_or_else(|| wrong("fields, in { }"))?;
            if let Some(unknown) = map
                .keys()
                .find(|key| !fields.iter().any(|(json, ..)| json == key))
            {
                return Err(format!("{} {FIELD}.", below(unknown)));
            }
            for (json, xml, shape) in fields {
                if let Some(value) = map.get(*json) {
                    write(to, xml, value, *shape, &below(json))?;
                }
            }
        }
        Shape::Each(_) => {}
    }
    to.push_str(&format!("</{name}>"));
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::kinds::{KINDS, Spelling};
    use super::*;

    /// Any document of this shape. Lists have members: XML does not tell an empty one from none.
    fn any_of(shape: Shape) -> BoxedStrategy<Value> {
        match shape {
            Shape::Text => "[ -~äß€\u{1f600}\t\n]{0,12}".prop_map(Value::from).boxed(),
            Shape::Number => any::<u64>().prop_map(Value::from).boxed(),
            Shape::Bool => any::<bool>().prop_map(Value::from).boxed(),
            Shape::Each(inner) => prop::collection::vec(any_of(*inner), 1..3)
                .prop_map(Value::from)
                .boxed(),
            Shape::Within(_, inner) => prop::collection::vec(any_of(*inner), 0..3)
                .prop_map(Value::from)
                .boxed(),
            Shape::Fields(fields) => fields
                .iter()
                .map(|(json, _, shape)| {
                    let one = any_of(*shape).prop_map(|value| (json.to_string(), value));
                    prop::option::of(one)
                })
                .collect::<Vec<_>>()
                .prop_map(|fields| Value::Object(fields.into_iter().flatten().collect()))
                .boxed(),
        }
    }

    fn any_document() -> impl Strategy<Value = (&'static str, Shape, Value)> {
        let converted: Vec<(&'static str, Shape)> = KINDS
            .iter()
            .filter_map(|kind| match kind.spelling {
                Spelling::Json => None,
                Spelling::Xml { root, shape } => Some((root, shape)),
            })
            .collect();
        prop::sample::select(converted)
            .prop_flat_map(|(root, shape)| (Just(root), Just(shape), any_of(shape)))
    }

    proptest! {
        #[test]
        fn a_document_comes_back_as_it_went((root, shape, document) in any_document()) {
            let xml = to_xml(root, &document, shape).unwrap();
            let element = Element::parse(xml.as_bytes()).unwrap();
            prop_assert_eq!(to_json(&element, shape), document);
        }
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_place() {
        let shape = KINDS
            .iter()
            .find_map(|kind| match kind.spelling {
                Spelling::Xml {
                    root: "CORSConfiguration",
                    shape,
                } => Some(shape),
                _ => None,
            })
            .unwrap();
        for (document, words) in [
            (json!([]), "The document has to be fields, in { }."),
            (
                json!({ "Rules": [] }),
                "Rules is not a field of this document.",
            ),
            (
                json!({ "CORSRules": {} }),
                "CORSRules has to be a list, in [ ].",
            ),
            (
                json!({ "CORSRules": [{ "MaxAgeSeconds": "1" }] }),
                "CORSRules[0].MaxAgeSeconds has to be a whole number.",
            ),
            (
                json!({ "CORSRules": [{}, { "AllowedMethods": [1] }] }),
                "CORSRules[1].AllowedMethods[0] has to be text, in quotes.",
            ),
        ] {
            assert_eq!(to_xml("x", &document, shape).unwrap_err(), words);
        }
    }
}
