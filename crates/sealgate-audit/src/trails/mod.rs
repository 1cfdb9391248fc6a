//! Trails in CloudTrail's sense: which events of an account are delivered into which bucket.

mod delivery;
mod fault;
mod model;
mod selectors;
mod store;

pub use delivery::{Delivery, DueTrail};
pub use fault::TrailFault;
pub use model::{TrailChange, TrailSettings, TrailStatus, check_name, check_prefix};
pub(crate) use selectors::Selected;
pub use selectors::{DataResource, EventSelector, ReadWriteType, check_selectors};
pub use store::{MAX_TAGS, MAX_TRAILS};
