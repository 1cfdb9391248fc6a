//! The `Principal` and `NotPrincipal` elements of resource policies.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html>

use crate::arn::Arn;
use crate::caller::{Caller, Principal, PrincipalKind};
use crate::document::PolicyKind;
use crate::effect::Effect;
use crate::error::PolicyError;
use crate::json::Node;

/// How a statement reaches a principal, the weakest way first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// It names the principal's account, which delegates: an `Allow` then only lets the account's
    /// identity policies decide.
    Account,
    /// It names the role (or, of a federated user, the user) that the caller is a session of: an
    /// `Allow` stays within permissions boundary and session policies.
    Role,
    /// It names the principal itself: an `Allow` needs nothing else in the principal's account.
    Direct,
}

/// The principals of a statement.
#[derive(Debug, Clone)]
pub(crate) struct Principals {
    negated: bool,
    everyone: bool,
    accounts: Vec<Box<str>>,
    arns: Vec<Box<str>>,
    services: Vec<Box<str>>,
    federations: Vec<Box<str>>,
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
            federations: Vec::new(),
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
                principals
                    .add(name, text, kind)
                    .map_err(|error| match kind {
                        PolicyKind::Trust => PolicyError::InvalidTrustPrincipal {
                            kind: name.clone(),
                            principal: text.to_owned(),
                        },
                        _ => error,
                    })?;
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
            "Federated" if is_federation(text) => self.federations.push(text.into()),
            "CanonicalUser" if kind == PolicyKind::Bucket && is_canonical_id(text) => {
                self.canonical_user = true;
            }
            _ => return Err(invalid()),
        }
        Ok(())
    }

    /// Whether a statement with this element and `effect` concerns the caller.
    pub(crate) fn reach(&self, caller: &Caller, effect: Effect) -> Option<Reach> {
        if self.negated {
            return (!self.exempts(caller)).then_some(Reach::Direct);
        }
        // A canonical user that cannot be told: an Allow stays without effect, a Deny takes it.
        let unknown = self.canonical_user && effect == Effect::Deny;
        self.named(&caller.principal, effect)
            .or(unknown.then_some(Reach::Direct))
    }

    /// Whether `NotPrincipal` exempts the caller. Everything that the caller is has to be listed: the
    /// account, the user or role, the session. And nobody with a permissions boundary is ever exempt.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html>
    fn exempts(&self, caller: &Caller) -> bool {
        let principal = &caller.principal;
        if self.everyone {
            return true;
        }
        if caller.boundary.is_some() {
            return false;
        }
        let account = || has(&self.accounts, &principal.account_id);
        match &principal.kind {
            PrincipalKind::Root => account(),
            PrincipalKind::User { .. } => account() && has(&self.arns, &principal.arn),
            PrincipalKind::AssumedRole { role_arn, .. } => {
                account() && has(&self.arns, role_arn) && has(&self.arns, &principal.arn)
            }
            PrincipalKind::FederatedUser { user_arn, .. } => {
                let user = principal.has_root_permissions() || has(&self.arns, user_arn);
                account() && user && has(&self.arns, &principal.arn)
            }
            PrincipalKind::WebIdentity { provider, .. } => has(&self.federations, provider),
            PrincipalKind::Service { name } => has(&self.services, name),
            PrincipalKind::Anonymous => false,
        }
    }

    fn named(&self, principal: &Principal, effect: Effect) -> Option<Reach> {
        let account = || has(&self.accounts, &principal.account_id).then_some(Reach::Account);
        match &principal.kind {
            PrincipalKind::Anonymous => self.everyone.then_some(Reach::Direct),
            PrincipalKind::Service { name } => {
                (self.everyone || has(&self.services, name)).then_some(Reach::Direct)
            }
            // `*` stands for the principals of AWS; who comes from a provider has to be named.
            PrincipalKind::WebIdentity { provider, .. } => {
                let denied = self.everyone && effect == Effect::Deny;
                (denied || has(&self.federations, provider)).then_some(Reach::Direct)
            }
            // The root user is the account.
            PrincipalKind::Root => (self.everyone || has(&self.accounts, &principal.account_id))
                .then_some(Reach::Direct),
            PrincipalKind::User { .. } => (self.everyone || has(&self.arns, &principal.arn))
                .then_some(Reach::Direct)
                .or_else(account),
            PrincipalKind::AssumedRole { role_arn: of, .. }
            | PrincipalKind::FederatedUser { user_arn: of, .. } => {
                if has(&self.arns, &principal.arn) {
                    Some(Reach::Direct)
                } else if self.everyone || has(&self.arns, of) {
                    Some(Reach::Role)
                } else {
                    account()
                }
            }
        }
    }
}

fn has(list: &[Box<str>], wanted: &str) -> bool {
    list.iter().any(|entry| **entry == *wanted)
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
