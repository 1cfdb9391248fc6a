//! A request as statements see it: its action, resource and the values of every condition key.

use std::borrow::Cow;
use std::net::IpAddr;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::arn::Arn;
use crate::caller::{Caller, PrincipalKind};
use crate::condition::operand::{Number, parse_date, parse_flag};
use crate::context::Context;
use crate::evaluate::Access;
use crate::key::{Fact, Key};

pub(crate) struct Request<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) action: &'a str,
    /// `None` where the resource is `*`: the action has none.
    pub(crate) resource: Option<Arn<'a>>,
    resource_account: &'a str,
    context: &'a Context,
}

impl<'a> Request<'a> {
    pub(crate) fn new(access: &Access<'a>) -> Request<'a> {
        Request {
            caller: access.caller,
            action: access.action,
            resource: Arn::parse(access.resource),
            resource_account: access.resource_account,
            context: access.context,
        }
    }

    /// The values of a condition key in this request.
    ///
    /// Facts about the caller come from the caller alone, so no operation can set them by mistake.
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
    pub(crate) fn values(&self, key: &Key) -> Values<'a> {
        let supplied = || {
            self.context
                .lowered(key.lowered())
                .map_or(Values::None, Values::Many)
        };
        let Some(fact) = key.fact() else {
            return supplied();
        };
        if self.context.is_simulated() {
            let supplied = supplied();
            if !supplied.is_missing() || fact.is_of_the_connection() {
                return supplied;
            }
        }
        self.fact(fact).map_or(Values::None, Values::One)
    }

    fn fact(&self, fact: &Fact) -> Option<Value<'a>> {
        let Caller {
            principal,
            session,
            environment,
            ..
        } = self.caller;
        let session = session.as_deref();
        match fact {
            Fact::PrincipalArn => principal.policy_arn().map(Value::Text),
            Fact::PrincipalAccount => principal
                .is_of_account()
                .then_some(Value::Text(&principal.account_id)),
            Fact::PrincipalType => principal_type(&principal.kind).map(Value::Text),
            Fact::PrincipalIsAwsService => Some(Value::Flag(matches!(
                principal.kind,
                PrincipalKind::Service { .. }
            ))),
            Fact::PrincipalServiceName => match &principal.kind {
                PrincipalKind::Service { name } => Some(Value::Text(name)),
                _ => None,
            },
            Fact::PrincipalTag(wanted) => self
                .caller
                .tags
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| Value::Text(value)),
            Fact::UserId => match &principal.kind {
                PrincipalKind::Anonymous => Some(Value::Text("anonymous")),
                PrincipalKind::WebIdentity { .. } => None,
                _ => Some(Value::Text(&principal.id)),
            },
            Fact::UserName => match &principal.kind {
                PrincipalKind::User { name } => Some(Value::Text(name)),
                _ => None,
            },
            Fact::SourceIdentity => session?.source_identity.as_deref().map(Value::Text),
            Fact::FederatedProvider => match &principal.kind {
                PrincipalKind::WebIdentity { provider, .. } => Some(Value::Text(provider)),
                _ => session?.federated_provider.as_deref().map(Value::Text),
            },
            Fact::TokenIssueTime => Some(Value::Instant(whole_seconds(session?.issued))),
            // Only temporary credentials say anything about a second factor; long-term keys lack both.
            // <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-multifactorauthpresent>
            Fact::MultiFactorAuthPresent => Some(Value::Flag(session?.mfa_at.is_some())),
            Fact::MultiFactorAuthAge => {
                let age = environment.now - session?.mfa_at?;
                Some(Value::Epoch(age.whole_seconds().max(0)))
            }
            Fact::ViaAwsService => {
                let via = |key| self.context.lowered(key).is_some_and(|it| !it.is_empty());
                let through = via("aws:calledvia") || via("kms:viaservice");
                Some(Value::Flag(through))
            }
            Fact::CalledViaFirst => {
                let services = self.context.lowered("aws:calledvia")?;
                services.first().map(|name| Value::Text(name))
            }
            Fact::CalledViaLast => {
                let services = self.context.lowered("aws:calledvia")?;
                services.last().map(|name| Value::Text(name))
            }
            Fact::SourceIp => environment.source_ip.map(Value::Address),
            Fact::SecureTransport => Some(Value::Flag(environment.secure_transport)),
            Fact::CurrentTime => Some(Value::Instant(whole_seconds(environment.now))),
            Fact::EpochTime => Some(Value::Epoch(environment.now.unix_timestamp())),
            Fact::UserAgent => environment.user_agent.as_deref().map(Value::Text),
            Fact::RequestedRegion => Some(Value::Text(&environment.region)),
            Fact::ResourceAccount => {
                (!self.resource_account.is_empty()).then_some(Value::Text(self.resource_account))
            }
        }
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#principaltable>
fn principal_type(kind: &PrincipalKind) -> Option<&'static str> {
    Some(match kind {
        PrincipalKind::Root => "Account",
        PrincipalKind::User { .. } => "User",
        PrincipalKind::AssumedRole { .. } => "AssumedRole",
        PrincipalKind::FederatedUser { .. } => "FederatedUser",
        PrincipalKind::Anonymous => "Anonymous",
        PrincipalKind::Service { .. } => "Service",
        PrincipalKind::WebIdentity { .. } => return None,
    })
}

/// Time keys have a resolution of one second, so that `DateEquals` can be met at all.
fn whole_seconds(instant: OffsetDateTime) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(instant.unix_timestamp()).unwrap_or(instant)
}

/// What a request holds under one key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Values<'a> {
    None,
    One(Value<'a>),
    Many(&'a [String]),
}

impl<'a> Values<'a> {
    pub(crate) fn is_missing(self) -> bool {
        match self {
            Values::None => true,
            Values::One(_) => false,
            Values::Many(texts) => texts.is_empty(),
        }
    }

    /// Missing, or nothing but empty strings: a null data set in the words of the set operators.
    pub(crate) fn is_null_set(self) -> bool {
        match self {
            Values::None => true,
            Values::One(Value::Text(text)) => text.is_empty(),
            Values::One(_) => false,
            Values::Many(texts) => texts.iter().all(String::is_empty),
        }
    }

    pub(crate) fn any(self, mut test: impl FnMut(Value<'a>) -> bool) -> bool {
        match self {
            Values::None => false,
            Values::One(value) => test(value),
            Values::Many(texts) => texts.iter().any(|text| test(Value::Text(text))),
        }
    }

    /// The value, if there is exactly one: a policy variable stands for nothing else.
    pub(crate) fn single(self) -> Option<Value<'a>> {
        match self {
            Values::One(value) => Some(value),
            Values::Many([text]) => Some(Value::Text(text)),
            Values::None | Values::Many(_) => None,
        }
    }
}

/// One value; typed where the gateway knows the type, so that nothing is formatted to be parsed again.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    Flag(bool),
    Address(IpAddr),
    Instant(OffsetDateTime),
    Epoch(i64),
}

impl<'a> Value<'a> {
    pub(crate) fn text(self) -> Cow<'a, str> {
        match self {
            Value::Text(text) => Cow::Borrowed(text),
            Value::Flag(true) => Cow::Borrowed("true"),
            Value::Flag(false) => Cow::Borrowed("false"),
            Value::Address(address) => Cow::Owned(address.to_canonical().to_string()),
            Value::Instant(instant) => Cow::Owned(instant.format(&Rfc3339).unwrap_or_default()),
            Value::Epoch(seconds) => Cow::Owned(seconds.to_string()),
        }
    }

    pub(crate) fn flag(self) -> Option<bool> {
        match self {
            Value::Flag(flag) => Some(flag),
            Value::Text(text) => parse_flag(text),
            _ => None,
        }
    }

    pub(crate) fn number(self) -> Option<Number> {
        match self {
            Value::Epoch(seconds) => Some(Number::Integer(seconds)),
            Value::Text(text) => Number::parse(text),
            _ => None,
        }
    }

    pub(crate) fn instant(self) -> Option<OffsetDateTime> {
        match self {
            Value::Instant(instant) => Some(instant),
            Value::Epoch(seconds) => OffsetDateTime::from_unix_timestamp(seconds).ok(),
            Value::Text(text) => parse_date(text),
            _ => None,
        }
    }

    /// An IPv4 address that arrived in IPv6 form is the IPv4 address.
    pub(crate) fn address(self) -> Option<IpAddr> {
        match self {
            Value::Address(address) => Some(address.to_canonical()),
            Value::Text(text) => text
                .parse::<IpAddr>()
                .ok()
                .map(|address| address.to_canonical()),
            _ => None,
        }
    }
}
