//! Which elements an element may hold, how often, and what may stand in them.

use crate::error::{Code, Result};
use crate::xml::Element;

/// An element of a schema.
pub(super) struct Field {
    name: &'static str,
    least: usize,
    most: usize,
    content: Content,
}

/// What an element holds.
enum Content {
    Text(fn(&str) -> bool),
    Elements(&'static [Field]),
}

impl Field {
    /// With text for which this is true.
    pub(super) const fn text(name: &'static str, is: fn(&str) -> bool) -> Self {
        Self::once(name, Content::Text(is))
    }

    /// With elements.
    pub(super) const fn holds(name: &'static str, fields: &'static [Field]) -> Self {
        Self::once(name, Content::Elements(fields))
    }

    const fn once(name: &'static str, content: Content) -> Self {
        Self {
            name,
            least: 1,
            most: 1,
            content,
        }
    }

    /// It may be missing.
    pub(super) const fn optional(mut self) -> Self {
        self.least = 0;
        self
    }

    /// It may not be missing.
    pub(super) const fn required(mut self) -> Self {
        self.least = 1;
        self
    }

    /// It may stand so often.
    pub(super) const fn up_to(mut self, most: usize) -> Self {
        self.most = most;
        self
    }
}

/// Refuse as `MalformedXML` what the schema does not have.
pub(super) fn check(element: &Element, fields: &[Field]) -> Result<()> {
    if fits(element, fields) {
        Ok(())
    } else {
        Err(Code::MalformedXml.into())
    }
}

fn fits(element: &Element, fields: &[Field]) -> bool {
    let known = |child: &Element| {
        let field = fields.iter().find(|field| field.name == child.name);
        field.is_some_and(|field| match field.content {
            Content::Text(is) => child.children.is_empty() && is(&child.text),
            Content::Elements(inner) => fits(child, inner),
        })
    };
    let counted =
        |field: &Field| (field.least..=field.most).contains(&element.all(field.name).count());
    element.text.trim().is_empty()
        && element.children.iter().all(known)
        && fields.iter().all(counted)
}
