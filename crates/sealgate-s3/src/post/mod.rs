//! HTML forms (POST Object): reading them, with a bound on what is held in memory, and the policies
//! that say what may be in them.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-UsingHTTPPOST.html>

mod form;
mod paced;
mod policy;

pub(crate) use form::{Form, open};
pub(crate) use policy::Policy;
