//! Whom a grant can name, and which of these names a caller answers to.

use sealgate_policy::{Principal, PrincipalKind};

use crate::arn::{AccountId, check_length};
use crate::error::KmsError;

const MAX_PRINCIPAL: usize = 256;

/// Checks the ARN of a principal: an account, a user, a role, a session of a role, a federated user.
pub(crate) fn parse_principal(text: &str, parameter: &str) -> Result<(), KmsError> {
    check_length(text, parameter, MAX_PRINCIPAL)?;
    let is_valid_char = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
    if !text.chars().all(is_valid_char) {
        return Err(KmsError::Validation(format!(
            "1 validation error detected: Value '{text}' at '{parameter}' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: ^[\\w+=,.@:/-]+$"
        )));
    }
    match account_of(text) {
        Some(_) => Ok(()),
        None => Err(KmsError::InvalidArn(format!(
            "ARN does not refer to a valid principal: {text}"
        ))),
    }
}

/// The account that a principal's ARN names; `None` if it is no such ARN.
pub(crate) fn account_of(arn: &str) -> Option<AccountId> {
    let (service, rest) = arn.strip_prefix("arn:aws:")?.split_once("::")?;
    let (account, resource) = rest.split_once(':')?;
    let account = account.parse().ok()?;
    let parts: Vec<&str> = resource.split('/').collect();
    let named = parts.iter().skip(1).all(|part| !part.is_empty());
    let is_principal = matches!(
        (service, parts.as_slice()),
        ("iam", ["root"] | ["user" | "role", _, ..])
            | ("sts", ["assumed-role", _, _] | ["federated-user", _])
    );
    (is_principal && named).then_some(account)
}

/// The ARN of an account as a principal.
pub(crate) fn account_principal(account: impl std::fmt::Display) -> String {
    format!("arn:aws:iam::{account}:root")
}

/// The names by which a grant reaches the caller without help of the caller's own policies: a session is
/// also its role, or the user it is of. The root user is the account.
pub(crate) fn names_of(principal: &Principal) -> impl Iterator<Item = &str> {
    let (own, behind) = match &principal.kind {
        PrincipalKind::Root | PrincipalKind::User { .. } => (Some(principal.arn.as_str()), None),
        PrincipalKind::AssumedRole { role_arn, .. } => {
            (Some(principal.arn.as_str()), Some(role_arn.as_str()))
        }
        PrincipalKind::FederatedUser { user_arn, .. } => {
            (Some(principal.arn.as_str()), Some(user_arn.as_str()))
        }
        PrincipalKind::WebIdentity { .. }
        | PrincipalKind::Anonymous
        | PrincipalKind::Service { .. } => (None, None),
    };
    own.into_iter().chain(behind)
}

/// Whether a name in a grant is one of the caller's.
pub(crate) fn is_of_caller(name: &str, principal: &Principal) -> bool {
    names_of(principal).any(|own| own == name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn principals_are_accounts_and_identities() {
        for good in [
            "arn:aws:iam::111122223333:root",
            "arn:aws:iam::111122223333:user/alice",
            "arn:aws:iam::111122223333:user/division/alice",
            "arn:aws:iam::111122223333:role/service-role/backup",
            "arn:aws:sts::111122223333:assumed-role/backup/run-1",
            "arn:aws:sts::111122223333:federated-user/mary",
        ] {
            assert_eq!(parse_principal(good, "granteePrincipal"), Ok(()), "{good}");
        }
        for bad in [
            "alice",
            "111122223333",
            "arn:aws:iam::111122223333:alice",
            "arn:aws:iam::111122223333:user/",
            "arn:aws:iam::1111222233:root",
            "arn:aws:iam::111122223333:group/staff",
            "arn:aws:iam:us-east-1:111122223333:user/alice",
            "arn:aws:sts::111122223333:assumed-role/backup",
            "arn:aws:sts::111122223333:assumed-role/backup/",
            "arn:aws:s3:::bucket",
        ] {
            let refused = parse_principal(bad, "granteePrincipal").unwrap_err();
            assert_eq!(refused.code(), "InvalidArnException", "{bad}");
        }
        for bad in ["", "arn:aws:iam::111122223333:user/*", &"a".repeat(257)] {
            let refused = parse_principal(bad, "granteePrincipal").unwrap_err();
            assert_eq!(refused.code(), "ValidationException", "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_principal_or_refused(text in "(arn:aws:)?(iam|sts)?(::)?.{0,40}") {
            let _ = parse_principal(&text, "granteePrincipal");
        }
    }
}
