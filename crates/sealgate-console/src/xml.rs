//! Answers in XML, of S3, IAM and STS, as a tree. They come from our own services, in this process.

use quick_xml::Reader;
use quick_xml::events::Event;

/// An element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

/// Elements within elements, more than any answer has.
const DEEPEST: usize = 32;

impl Element {
    /// Reads a document; `None` if it is none.
    pub(crate) fn parse(document: &[u8]) -> Option<Element> {
        let mut reader = Reader::from_str(std::str::from_utf8(document).ok()?);
        let mut open = vec![Element::default()];
        loop {
            match reader.read_event().ok()? {
                Event::Start(tag) => {
                    if open.len() > DEEPEST {
                        return None;
                    }
                    open.push(Element {
                        name: tag.local_name().as_ref().to_owned(),
                        ..Element::default()
                    });
                }
                Event::Empty(tag) => open.last_mut()?.children.push(Element {
                    name: tag.local_name().as_ref().to_owned(),
                    ..Element::default()
                }),
                Event::Text(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
                Event::CData(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
                Event::GeneralRef(name) => {
                    let resolved = match name.resolve_char_ref().ok()? {
                        Some(character) => character,
                        None => match name.as_ref() {
                            "amp" => '&',
                            "lt" => '<',
                            "gt" => '>',
                            "quot" => '"',
                            "apos" => '\'',
                            _ => return None,
                        },
                    };
                    open.last_mut()?.text.push(resolved);
                }
                Event::End(_) => {
                    let done = open.pop()?;
                    open.last_mut()?.children.push(done);
                }
                Event::Eof => {
                    let mut root = open.pop()?;
                    return match (open.is_empty(), root.children.pop()) {
                        (true, Some(element)) => Some(element),
                        _ => None,
                    };
                }
                _ => {}
            }
        }
    }

    /// The first child of this name.
    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The children of this name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The element at the end of these names; an empty one if there is none.
    pub(crate) fn at(&self, path: &[&str]) -> Element {
        let mut here = self;
        for name in path {
            match here.child(name) {
                Some(child) => here = child,
                None => return Element::default(),
            }
        }
        here.clone()
    }

    /// The text of a child; empty if there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.child(name).map_or("", |child| child.text.as_str())
    }

    /// Its own text.
    pub(crate) fn own_text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn an_answer_is_a_tree() {
        let document = b"<?xml version=\"1.0\"?><A xmlns=\"x\"><B>1 &lt; 2 &amp;&#x41;</B><L><m>a</m><m>b</m></L><E/></A>";
        let root = Element::parse(document).unwrap();
        assert_eq!(root.text("B"), "1 < 2 &A");
        let list = root.at(&["L"]);
        let members: Vec<&str> = list.all("m").map(Element::own_text).collect();
        assert_eq!(members, ["a", "b"]);
        assert_eq!(root.text("E"), "");
        assert_eq!(root.at(&["X", "Y"]), Element::default());
    }

    #[test]
    fn what_is_no_document_is_none() {
        for bad in [
            &b""[..],
            b"<a>",
            b"<a></b>",
            b"&bad;",
            b"text",
            b"<a>&bad;</a>",
        ] {
            assert!(Element::parse(bad).is_none(), "{bad:?}");
        }
        let deep = "<a>".repeat(1000) + &"</a>".repeat(1000);
        assert!(Element::parse(deep.as_bytes()).is_none());
    }
}
