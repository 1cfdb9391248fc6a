//! Configurations of which a bucket may have many. Most describe and change nothing: which classes of storage to
//! analyse, what to measure, when to move objects into cheaper tiers. Objects move by lifecycle rules only and
//! metrics are the operator's, so that what they hold is checked, kept, and told again. Inventories are carried out: see
//! `inventory`.

mod kinds;
mod schema;

pub(crate) use kinds::{ANALYTICS, INTELLIGENT_TIERING, INVENTORY, METRICS, is_id};

use schema::Field;

use crate::error::{Code, Result};
use crate::xml::{Element, Writer};

/// A kind of configuration, of which a bucket may have many.
pub(crate) struct Kind {
    /// In the index.
    pub(crate) name: &'static str,
    /// Root element.
    pub(crate) root: &'static str,
    /// Root element of a listing.
    pub(crate) listing: &'static str,
    fields: &'static [Field],
    /// What the schema cannot say.
    check: fn(&Element) -> Result<()>,
}

impl Kind {
    /// The configuration of a request. What S3 would not take is refused.
    pub(crate) fn parse(&self, xml: &[u8]) -> Result<Element> {
        let root = Element::parse(xml, self.root)?;
        schema::check(&root, self.fields)?;
        (self.check)(&root)?;
        Ok(root)
    }

    /// As it stands in the index.
    pub(crate) fn to_stored(&self, configuration: &Element) -> String {
        Writer::bare_document(self.root, |w| write(configuration, w))
    }

    /// From the index.
    pub(crate) fn of_stored(&self, stored: &[u8]) -> Result<Element> {
        Element::parse(stored, self.root).map_err(|_| {
            tracing::error!(kind = self.name, "a configuration is damaged");
            Code::InternalError.into()
        })
    }
}

/// The content of an element.
pub(crate) fn write(element: &Element, w: &mut Writer) {
    for child in &element.children {
        if child.children.is_empty() {
            w.text(&child.name, &child.text);
        } else {
            w.element(&child.name, |w| write(child, w));
        }
    }
}
