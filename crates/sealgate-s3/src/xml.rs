//! The XML of S3: a bounded reader for requests and a writer for answers.

use std::fmt::Display;

use quick_xml::escape::escape;
use quick_xml::events::{BytesStart, Event};

use crate::error::{Code, Result, S3Error};

/// Deepest nesting of a request; S3's own schemas need five levels.
const MAX_DEPTH: usize = 16;
/// Most elements of a request: 10,000 parts with their eight elements each, and some.
const MAX_ELEMENTS: usize = 120_000;

/// An element of a request's XML, without its namespace and its attributes but one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// Local name.
    pub name: String,
    /// Its `xsi:type`, which tells the grantees of access control lists apart.
    pub kind: Option<String>,
    /// Text directly inside, unescaped.
    pub text: String,
    /// Elements inside, in order.
    pub children: Vec<Element>,
}

fn malformed() -> S3Error {
    Code::MalformedXml.into()
}

impl Element {
    /// Parse a document whose root has this name. Document types, unknown entities, other
    /// encodings, deep and huge documents are refused as `MalformedXML`.
    pub fn parse(xml: &[u8], root: &str) -> Result<Self> {
        let text = std::str::from_utf8(xml).map_err(|_| malformed())?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = quick_xml::Reader::from_str(text);
        let mut open: Vec<Element> = Vec::new();
        let mut done: Option<Element> = None;
        let mut elements = 0;
        loop {
            let event = reader.read_event().map_err(|_| malformed())?;
            let closed = match event {
                Event::Start(start) => {
                    elements += 1;
                    if open.len() >= MAX_DEPTH || elements > MAX_ELEMENTS || done.is_some() {
                        return Err(malformed());
                    }
                    open.push(Self::opened(&start)?);
                    continue;
                }
                Event::Empty(start) => {
                    elements += 1;
                    if elements > MAX_ELEMENTS || done.is_some() {
                        return Err(malformed());
                    }
                    Self::opened(&start)?
                }
                Event::End(_) => open.pop().ok_or_else(malformed)?,
                Event::Text(text) => {
                    let text: &str = text.as_ref();
                    match open.last_mut() {
                        Some(element) => element.text.push_str(text),
                        None if text.trim().is_empty() => {}
                        None => return Err(malformed()),
                    }
                    continue;
                }
                Event::GeneralRef(reference) => {
                    let name: &str = reference.as_ref();
                    let character = match reference.resolve_char_ref() {
                        Ok(Some(character)) => character,
                        Ok(None) => match name {
                            "lt" => '<',
                            "gt" => '>',
                            "amp" => '&',
                            "apos" => '\'',
                            "quot" => '"',
                            _ => return Err(malformed()),
                        },
                        Err(_) => return Err(malformed()),
                    };
                    open.last_mut().ok_or_else(malformed)?.text.push(character);
                    continue;
                }
                Event::CData(data) => {
                    let data: &str = data.as_ref();
                    open.last_mut().ok_or_else(malformed)?.text.push_str(data);
                    continue;
                }
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) => continue,
                Event::DocType(_) => return Err(malformed()),
                Event::Eof => break,
            };
            match open.last_mut() {
                Some(parent) => parent.children.push(closed),
                None => done = Some(closed),
            }
        }
        match done {
            Some(element) if open.is_empty() && element.name == root => Ok(element),
            _ => Err(malformed()),
        }
    }

    fn opened(start: &BytesStart<'_>) -> Result<Self> {
        let mut kind = None;
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| malformed())?;
            if attribute.key.local_name().as_ref() == "type" {
                let value: &str = attribute.value.as_ref();
                kind = Some(value.to_owned());
            }
        }
        Ok(Self {
            name: start.local_name().as_ref().to_owned(),
            kind,
            ..Self::default()
        })
    }

    /// Refuse elements that the schema does not know.
    pub fn only(&self, names: &[&str]) -> Result<()> {
        if self
            .children
            .iter()
            .all(|child| names.contains(&child.name.as_str()))
        {
            Ok(())
        } else {
            Err(malformed())
        }
    }

    /// Every child of this name.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The child of this name, which may not stand twice.
    pub fn optional(&self, name: &str) -> Result<Option<&Element>> {
        let mut found = self.all(name);
        let first = found.next();
        if found.next().is_some() {
            Err(malformed())
        } else {
            Ok(first)
        }
    }

    /// The child of this name, which must be there once.
    pub fn required(&self, name: &str) -> Result<&Element> {
        self.optional(name)?.ok_or_else(malformed)
    }

    /// The text of the child of this name, which must be there.
    pub fn required_text(&self, name: &str) -> Result<&str> {
        Ok(self.required(name)?.text.as_str())
    }

    /// The text of the child of this name, if it is there.
    pub fn optional_text(&self, name: &str) -> Result<Option<&str>> {
        Ok(self.optional(name)?.map(|child| child.text.as_str()))
    }
}

/// Writes an answer.
pub struct Writer(String);

/// S3's XML namespace.
pub const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

impl Writer {
    /// A document whose root carries S3's namespace.
    pub fn document(root: &'static str, content: impl FnOnce(&mut Writer)) -> String {
        let mut writer = Self::with_declaration();
        writer
            .0
            .push_str(&format!("<{root} xmlns=\"{NAMESPACE}\">"));
        content(&mut writer);
        writer.0.push_str(&format!("</{root}>"));
        writer.0
    }

    /// A document without a namespace, as S3 writes its errors.
    pub fn bare_document(root: &'static str, content: impl FnOnce(&mut Writer)) -> String {
        let mut writer = Self::with_declaration();
        writer.element(root, content);
        writer.0
    }

    fn with_declaration() -> Self {
        Self(String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"))
    }

    /// An element with elements inside.
    pub fn element(&mut self, name: &str, content: impl FnOnce(&mut Writer)) {
        self.0.push('<');
        self.0.push_str(name);
        self.0.push('>');
        content(self);
        self.close(name);
    }

    /// An element that says of what type it is, with elements inside.
    pub fn typed(&mut self, name: &str, kind: &'static str, content: impl FnOnce(&mut Writer)) {
        self.0.push_str(&format!(
            "<{name} xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"{kind}\">"
        ));
        content(self);
        self.close(name);
    }

    /// An element with text inside.
    pub fn text(&mut self, name: &str, text: impl AsRef<str>) {
        self.0.push('<');
        self.0.push_str(name);
        self.0.push('>');
        self.escaped(text.as_ref());
        self.close(name);
    }

    /// An element with a number or flag inside.
    pub fn value(&mut self, name: &str, value: impl Display) {
        self.text(name, value.to_string());
    }

    /// An element with text inside, if there is a text.
    pub fn optional(&mut self, name: &str, text: Option<impl AsRef<str>>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// Text of the element that is open.
    pub fn raw_text(&mut self, text: &str) {
        self.escaped(text);
    }

    fn close(&mut self, name: &str) {
        self.0.push_str("</");
        self.0.push_str(name);
        self.0.push('>');
    }

    fn escaped(&mut self, text: &str) {
        // Control characters are not XML 1.0 text, and a carriage return would be normalised
        // away; S3 writes both as character references, which its clients read.
        if text.bytes().any(|b| b < 0x20 && b != b'\n' && b != b'\t') {
            for character in text.chars() {
                if character == '\0' {
                    // Not even a reference may stand for it.
                    self.0.push(char::REPLACEMENT_CHARACTER);
                } else if (character as u32) < 0x20 {
                    self.0.push_str(&format!("&#x{:x};", character as u32));
                } else {
                    self.0
                        .push_str(&escape(character.encode_utf8(&mut [0; 4]) as &str));
                }
            }
        } else {
            self.0.push_str(&escape(text));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn namespaces_entities_and_cdata_are_read() {
        let xml = br#"<?xml version="1.0"?><Delete xmlns="http://x"><Object><Key>a&amp;b&#x41;<![CDATA[<c>]]></Key></Object><Quiet/></Delete>"#;
        let root = Element::parse(xml, "Delete").unwrap();
        let object = root.optional("Object").unwrap().unwrap();
        assert_eq!(object.required_text("Key").unwrap(), "a&bA<c>");
        assert_eq!(root.optional_text("Quiet").unwrap(), Some(""));
    }

    #[test]
    fn hostile_documents_are_malformed() {
        let deep = format!("{}{}", "<A>".repeat(40), "</A>".repeat(40));
        let wide = format!("<A>{}</A>", "<B/>".repeat(MAX_ELEMENTS + 1));
        for xml in [
            "",
            "<A>",
            "<A></B>",
            "<B/>",
            "<A/><A/>",
            "text",
            "<!DOCTYPE A [<!ENTITY x \"y\">]><A>&x;</A>",
            "<A>&unknown;</A>",
            "<A>&#x110000;</A>",
            &deep,
            &wide,
        ] {
            assert!(Element::parse(xml.as_bytes(), "A").is_err(), "{:.60}", xml);
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Element::parse(&bytes, "A");
        }

        #[test]
        fn what_is_written_is_read_back(text in "[^\u{0}\u{fffe}\u{ffff}\r]{0,60}") {
            let xml = Writer::bare_document("A", |w| w.text("B", &text));
            let root = Element::parse(xml.as_bytes(), "A").unwrap();
            prop_assert_eq!(root.required_text("B").unwrap(), text.as_str());
        }
    }
}
