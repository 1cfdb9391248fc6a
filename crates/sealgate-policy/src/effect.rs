//! The `Effect` element. Its values are case-sensitive.

use crate::error::PolicyError;
use crate::json::Node;

/// What a statement does when it applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Access is granted.
    Allow,
    /// Access is refused, whatever else allows it.
    Deny,
}

impl Effect {
    pub(crate) fn parse(node: &Node) -> Result<Effect, PolicyError> {
        match node.text("Effect")? {
            "Allow" => Ok(Effect::Allow),
            "Deny" => Ok(Effect::Deny),
            other => Err(PolicyError::InvalidEffect(other.to_owned())),
        }
    }
}
