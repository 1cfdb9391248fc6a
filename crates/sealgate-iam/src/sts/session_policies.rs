//! Session policies: what a session may do at most.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies.html#policies_session>

use sealgate_policy::Policy;

use super::StsError;
use super::session_tags::SessionTags;
use crate::Iam;
use crate::error::IamError;
use crate::names::{PolicyArn, constraint};
use crate::records::Tags;
use crate::sessions::SessionPolicies;

/// Characters of an inline session policy.
const MAX_INLINE: usize = 2048;
const MAX_ARNS: usize = 10;
/// Bytes that policies, tags and their names may have together in a token. AWS packs them and keeps
/// its limit to itself; here they are counted as they are.
const SPACE: usize = 4096;

/// The session policies that a caller asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionPolicyRequest {
    inline: Option<String>,
    managed: Vec<String>,
}

impl SessionPolicyRequest {
    /// Checks `Policy` and `PolicyArns`.
    pub fn parse(
        inline: Option<&str>,
        managed: Vec<String>,
    ) -> Result<SessionPolicyRequest, IamError> {
        if let Some(document) = inline {
            let rule = match document.chars().count() {
                0 => "Member must have length greater than or equal to 1",
                1..=MAX_INLINE => "",
                _ => "Member must have length less than or equal to 2048",
            };
            if !rule.is_empty() {
                return Err(constraint("policy", document, rule));
            }
            Policy::parse_identity(document)
                .map_err(|error| IamError::MalformedPolicyDocument(error.to_string()))?;
        }
        if managed.len() > MAX_ARNS {
            return Err(IamError::Validation(format!(
                "1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to {MAX_ARNS}"
            )));
        }
        for arn in &managed {
            PolicyArn::parse(arn)?;
        }
        Ok(SessionPolicyRequest {
            inline: inline.map(str::to_owned),
            managed,
        })
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.inline.is_none() && self.managed.is_empty()
    }
}

impl Iam {
    /// The session policies as a token holds them, if the managed ones exist.
    pub(super) async fn session_policies_of(
        &self,
        account_id: &str,
        request: &SessionPolicyRequest,
    ) -> Result<SessionPolicies, StsError> {
        for arn in &request.managed {
            if self.managed_policy(account_id, arn).await?.is_none() {
                return Err(StsError::validation(format!(
                    "The policy {arn} does not exist or is not attachable."
                )));
            }
        }
        Ok(SessionPolicies {
            inline: request.inline.clone(),
            managed: request.managed.clone(),
        })
    }
}

/// How much of the space that tokens have the policies and tags take, in percent; `None` where there
/// are none.
pub(super) fn packed_size(
    policies: &SessionPolicyRequest,
    tags: &SessionTags,
    inherited: &Tags,
) -> Result<Option<u32>, StsError> {
    let of_tags: usize = tags
        .tags
        .iter()
        .chain(inherited)
        .map(|(key, value)| key.len() + value.len())
        .sum();
    let of_keys: usize = tags.transitive.iter().map(String::len).sum();
    let of_policies = policies.inline.as_ref().map_or(0, String::len)
        + policies.managed.iter().map(String::len).sum::<usize>();
    if of_tags + of_keys + of_policies == 0 {
        return Ok(None);
    }
    let percent = ((of_tags + of_keys + of_policies) * 100).div_ceil(SPACE);
    if percent > 100 {
        return Err(StsError::PackedPolicyTooLarge(if of_policies == 0 {
            format!("Packed size of session tags consumes {percent}% of allotted space.")
        } else {
            format!(
                "Packed policy consumes {percent}% of allotted space, please use smaller policy."
            )
        }));
    }
    Ok(u32::try_from(percent).ok())
}
