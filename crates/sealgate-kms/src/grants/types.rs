//! What the operations on grants take and give.

use time::OffsetDateTime;

use crate::context::EncryptionContext;
use crate::grants::{GrantConstraint, GrantOperation};
use crate::types::PageRequest;

/// `Constraints` of CreateGrant: at most one of the two; an empty context counts as not given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrantConstraints {
    /// `EncryptionContextEquals`.
    pub encryption_context_equals: EncryptionContext,
    /// `EncryptionContextSubset`.
    pub encryption_context_subset: EncryptionContext,
}

/// Parameters of CreateGrant besides the key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CreateGrantRequest {
    /// `GranteePrincipal`: an ARN.
    pub grantee_principal: String,
    /// `RetiringPrincipal`: an ARN.
    pub retiring_principal: Option<String>,
    /// `Operations`.
    pub operations: Vec<String>,
    /// `Constraints`.
    pub constraints: GrantConstraints,
    /// `Name`: of two requests with the same one and the same parameters the second makes no grant.
    pub name: Option<String>,
    /// `GrantTokens`.
    pub grant_tokens: Vec<String>,
    /// `DryRun`.
    pub dry_run: bool,
}

/// The answer of CreateGrant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedGrant {
    /// `GrantId`.
    pub grant_id: String,
    /// `GrantToken`: another one for each request, all of them good for the same grant.
    pub grant_token: String,
}

/// Parameters of RetireGrant: a token, or key and id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetireGrantRequest {
    /// `GrantToken`.
    pub grant_token: Option<String>,
    /// `KeyId`.
    pub key_id: Option<String>,
    /// `GrantId`.
    pub grant_id: Option<String>,
    /// `DryRun`.
    pub dry_run: bool,
}

/// Parameters of ListGrants besides the key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListGrantsRequest {
    /// `GrantId`: only this one.
    pub grant_id: Option<String>,
    /// `GranteePrincipal`: only those to this principal.
    pub grantee_principal: Option<String>,
    /// `Limit` and `Marker`.
    pub page: PageRequest,
}

/// A line of ListGrants and ListRetirableGrants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantListEntry {
    /// `KeyId`: the ARN.
    pub key_arn: String,
    /// `GrantId`.
    pub grant_id: String,
    /// `Name`.
    pub name: Option<String>,
    /// `CreationDate`.
    pub created: OffsetDateTime,
    /// `GranteePrincipal`.
    pub grantee_principal: String,
    /// `RetiringPrincipal`.
    pub retiring_principal: Option<String>,
    /// `IssuingAccount`: the ARN of the account that the grant was made by.
    pub issuing_account: String,
    /// `Operations`.
    pub operations: Vec<GrantOperation>,
    /// `Constraints`.
    pub constraint: Option<GrantConstraint>,
}
