//! The `Principal` and `NotPrincipal` elements of resource policies.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>

use crate::arn::Arn;
use crate::caller::{Principal, PrincipalKind};
use crate::document::PolicyKind;
use crate::effect::Effect;
use crate::error::PolicyError;
use crate::json::Node;

/// How a statement reaches a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It names the principal, or everyone.
    Direct,
    /// It names the principal's account, which delegates: an `Allow` then only lets the account's
    /// identity policies decide.
    Account,
}

/// The principals of a statement.
#[derive(Debug, Clone)]
pub(crate) struct Principals {
    negated: bool,
    everyone: bool,
    accounts: Vec<Box<str>>,
    arns: Vec<Box<str>>,
    services: Vec<Box<str>>,
    /// S3 turns canonical user ids into accounts when a bucket policy is put. One that is met here
    /// cannot be compared with the caller.
    canonical_user: bool,
}

impl Principals {
    pub(crate) fn parse(
        element: &str,
        node: &Node,
        negated: bool,
        kind: PolicyKind,
    ) -> Result<Principals, PolicyError> {
        let mut principals = Principals {
            negated,
            everyone: false,
            accounts: Vec::new(),
            arns: Vec::new(),
            services: Vec::new(),
            canonical_user: false,
        };
        if let Node::Text(text) = node {
            if text != "*" {
                return Err(PolicyError::InvalidPrincipal(text.clone()));
            }
            principals.everyone = true;
            return Ok(principals);
        }
        let entries = node.map(element)?;
        for (name, values) in entries {
            let texts = values.texts(name)?;
            if texts.is_empty() {
                return Err(PolicyError::InvalidPrincipal(name.clone()));
            }
            for text in texts {
                principals.add(name, text, kind)?;
            }
        }
        if entries.is_empty() {
            return Err(PolicyError::InvalidPrincipal("{}".to_owned()));
        }
        Ok(principals)
    }

    fn add(&mut self, name: &str, text: &str, kind: PolicyKind) -> Result<(), PolicyError> {
        let invalid = || PolicyError::InvalidPrincipal(text.to_owned());
        match name {
            "AWS" if text == "*" => self.everyone = true,
            "AWS" if is_account_id(text) => self.accounts.push(text.into()),
            "AWS" => match aws_principal(text).ok_or_else(invalid)? {
                AwsPrincipal::Account(id) => self.accounts.push(id.into()),
                AwsPrincipal::Identity => self.arns.push(text.into()),
            },
            "Service" if is_service(text) => self.services.push(text.into()),
            // Valid, and never a caller here: identities of a federation act through roles.
            "Federated" if is_federation(text) => {}
            "CanonicalUser" if kind == PolicyKind::Bucket && is_canonical_id(text) => {
                self.canonical_user = true;
            }
            _ => return Err(invalid()),
        }
        Ok(())
    }

    /// Whether a statement with this element and `effect` concerns the principal.
    pub(crate) fn reach(&self, principal: &Principal, effect: Effect) -> Option<Reach> {
        let named = self.named(principal);
        if self.negated {
            // Only who is named is exempt. The account has to be listed beside a user of it, so it
            // must not exempt the account's other users.
            return (named != Some(Reach::Direct)).then_some(Reach::Direct);
        }
        // A canonical user that cannot be told: an Allow stays without effect, a Deny takes it.
        let unknown = self.canonical_user && effect == Effect::Deny;
        named.or(unknown.then_some(Reach::Direct))
    }

    fn named(&self, principal: &Principal) -> Option<Reach> {
        if self.everyone {
            return Some(Reach::Direct);
        }
        let has = |list: &[Box<str>], wanted: &str| list.iter().any(|entry| **entry == *wanted);
        match &principal.kind {
            PrincipalKind::Anonymous => None,
            PrincipalKind::Service { name } => has(&self.services, name).then_some(Reach::Direct),
            // The root user is the account.
            PrincipalKind::Root => {
                has(&self.accounts, &principal.account_id).then_some(Reach::Direct)
            }
            PrincipalKind::User { .. } => {
                if has(&self.arns, &principal.arn) {
                    Some(Reach::Direct)
                } else {
                    has(&self.accounts, &principal.account_id).then_some(Reach::Account)
                }
            }
        }
    }
}

fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_canonical_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// A service principal: `s3.amazonaws.com`, `logs.us-east-1.amazonaws.com`.
fn is_service(text: &str) -> bool {
    let host = text
        .strip_suffix(".amazonaws.com")
        .or_else(|| text.strip_suffix(".amazonaws.com.cn"));
    host.is_some_and(|host| {
        !host.is_empty()
            && host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
    })
}

enum AwsPrincipal<'a> {
    Account(&'a str),
    Identity,
}

/// The ARN of an account, user, role or session. Groups cannot be principals, and a wildcard cannot
/// stand for a part of a name.
fn aws_principal(text: &str) -> Option<AwsPrincipal<'_>> {
    let [partition, service, region, account, resource] = Arn::parse(text)?.fields();
    if !matches!(partition, "aws" | "aws-cn" | "aws-us-gov")
        || !region.is_empty()
        || !is_account_id(account)
    {
        return None;
    }
    if service == "iam" && resource == "root" {
        return Some(AwsPrincipal::Account(account));
    }
    let (kind, name) = resource.split_once('/')?;
    let known = matches!(
        (service, kind),
        ("iam", "user" | "role") | ("sts", "assumed-role" | "federated-user")
    );
    let in_name = |b: u8| {
        b.is_ascii_alphanumeric()
            || matches!(b, b'+' | b'=' | b',' | b'.' | b'@' | b'_' | b'-' | b'/')
    };
    (known && !name.is_empty() && name.bytes().all(in_name)).then_some(AwsPrincipal::Identity)
}

/// A web identity provider by its host name, or a SAML or OIDC provider by its ARN.
fn is_federation(text: &str) -> bool {
    if let Some(arn) = Arn::parse(text) {
        let [_, service, region, account, resource] = arn.fields();
        return service == "iam"
            && region.is_empty()
            && is_account_id(account)
            && (resource.starts_with("saml-provider/") || resource.starts_with("oidc-provider/"))
            && !resource.contains(['*', '?']);
    }
    text.contains('.')
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'/'))
}
