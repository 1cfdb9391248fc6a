//! The Security Token Service: temporary credentials for roles, users and identities from elsewhere.
//!
//! An operation checks what the caller may do and gives out a session (see `sessions`), of which
//! nothing is kept. <https://docs.aws.amazon.com/STS/latest/APIReference/welcome.html>

mod assume_role;
mod error;
mod federation;
mod key_info;
mod parameters;
mod session_policies;
mod session_tags;
mod session_token;
mod web_identity;

pub use assume_role::AssumeRole;
pub use error::StsError;
pub use federation::{FederationToken, GetFederationToken};
pub use parameters::{
    ExternalId, FederatedName, RoleArn, RoleSessionName, SessionDuration, SourceIdentity,
};
pub use session_policies::SessionPolicyRequest;
pub use session_tags::{SessionTags, parse_session_tags};
pub use web_identity::{AssumeRoleWithWebIdentity, WebIdentity};

use sealgate_policy::{Access, Authority, Caller, Context, Decision, PrincipalKind, authorize};

use crate::sessions::SessionCredentials;

/// A session of a role that was begun.
pub struct AssumedRole {
    /// Its credentials.
    pub credentials: SessionCredentials,
    /// `arn:aws:sts::ACCOUNT:assumed-role/ROLE/SESSION`.
    pub arn: String,
    /// `AROA…:SESSION`.
    pub id: String,
    /// How much of the allotted space session policies and tags take, in percent.
    pub packed_policy_size: Option<u32>,
    /// The source identity of the session.
    pub source_identity: Option<String>,
}

/// Temporary credentials cannot get every kind of temporary credentials.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_sts-comparison.html>
fn refuse_in_session(caller: &Caller, operation: &str) -> Result<(), StsError> {
    if caller.session.is_none() {
        return Ok(());
    }
    let allowed = match (&caller.principal.kind, operation) {
        (PrincipalKind::FederatedUser { .. }, _)
        | (_, "GetSessionToken" | "GetFederationToken") => false,
        (PrincipalKind::AssumedRole { .. }, _) => true,
        // Of GetSessionToken.
        (_, operation) => operation == "AssumeRole",
    };
    if allowed {
        Ok(())
    } else {
        Err(StsError::AccessDenied(format!(
            "Cannot call {operation} with session credentials"
        )))
    }
}

/// May the caller do this in its own account?
fn permit(
    caller: &Caller,
    action: &str,
    resource: &str,
    context: &Context,
) -> Result<(), StsError> {
    let decision = authorize(&Access {
        caller,
        action,
        resource,
        resource_account: &caller.principal.account_id,
        context,
        resource_policy: None,
        authority: Authority::Account,
        grant: None,
    });
    match decision {
        Decision::Allowed => Ok(()),
        Decision::Denied(denial) => Err(StsError::AccessDenied(denial.message())),
    }
}
