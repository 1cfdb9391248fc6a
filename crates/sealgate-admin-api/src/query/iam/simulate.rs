//! What would be allowed? Simulated by the evaluator that decides requests.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>

use std::collections::BTreeSet;
use std::sync::Arc;

use sealgate_iam::{IamError, Page};
use sealgate_policy::{
    Access, AttachedPolicy, Authority, Caller, Context, Environment, Explanation, Matched, Policy,
    PolicyError, PolicyType, Principal, PrincipalKind, Session, explain, policy_context_keys,
};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::parameters::members;
use super::shapes::{flag, page_end, texts};
use super::{Call, Done, Failure};
use crate::query::xml::Xml;

/// Context keys that follow from who calls, and so cannot be given.
const OF_THE_CALLER: [&str; 8] = [
    "aws:principalarn",
    "aws:principalaccount",
    "aws:principaltype",
    "aws:principalisawsservice",
    "aws:principalservicename",
    "aws:userid",
    "aws:resourceaccount",
    "kms:calleraccount",
];

/// What is simulated.
struct Simulation {
    caller: Caller,
    context: Context,
    actions: Vec<String>,
    resources: Vec<String>,
    /// The owner of resources whose ARNs do not say.
    owner: String,
    resource_policy: Option<(Policy, Authority)>,
}

/// One action on one resource, and what came of it.
struct Outcome {
    action: String,
    resource: String,
    cross_account: bool,
    explanation: Explanation,
}

fn invalid(message: impl Into<String>) -> Failure {
    IamError::InvalidInput(message.into()).into()
}

fn parse_policies(call: &Call<'_>, name: &str) -> Result<Vec<AttachedPolicy>, Failure> {
    members(call.form, name, "")
        .iter()
        .enumerate()
        .map(|(at, text)| {
            let policy = Policy::parse_identity(text).map_err(unreadable)?;
            Ok(AttachedPolicy::new(format!("{name}.{}", at + 1), policy))
        })
        .collect()
}

fn unreadable(error: PolicyError) -> Failure {
    invalid(format!("Invalid policy. {error}"))
}

fn account_in(arn: &str) -> &str {
    arn.split(':').nth(4).unwrap_or_default()
}

/// Who calls, where nobody that exists is meant.
fn principal_of(arn: &str) -> Result<Principal, Failure> {
    let name = arn
        .split_once(":user/")
        .filter(|_| arn.starts_with("arn:aws:iam::") && account_in(arn).len() == 12)
        .and_then(|(_, path)| path.rsplit('/').next())
        .filter(|name| !name.is_empty())
        .ok_or_else(|| {
            invalid(format!(
                "Invalid Entity Arn: {arn} is not the ARN of a user."
            ))
        })?;
    Ok(Principal {
        account_id: account_in(arn).to_owned(),
        kind: PrincipalKind::User {
            name: name.to_owned(),
        },
        arn: arn.to_owned(),
        id: String::new(),
        access_key_id: None,
    })
}

impl Call<'_> {
    pub(super) async fn simulate_custom_policy(&self) -> Result<Done, Failure> {
        self.permit("*")?;
        let policies = parse_policies(self, "PolicyInputList")?;
        if policies.is_empty() {
            self.form.required("PolicyInputList", "policyInputList")?;
        }
        let arn = match self.form.get("CallerArn") {
            Some(arn) => arn.to_owned(),
            None if self.form.get("ResourcePolicy").is_some() => {
                return Err(invalid("CallerArn is required with a ResourcePolicy."));
            }
            None => format!("arn:aws:iam::{}:user/simulated", self.account()),
        };
        let mut caller = Caller::new(principal_of(&arn)?, self.simulated_environment());
        caller.identity_policies = policies.into();
        self.simulate(caller)
    }

    pub(super) async fn simulate_principal_policy(&self) -> Result<Done, Failure> {
        let mut caller = self.policy_source().await?;
        let given = parse_policies(self, "PolicyInputList")?;
        caller.identity_policies = caller
            .identity_policies
            .iter()
            .cloned()
            .chain(given)
            .collect();
        if let Some(arn) = self.form.get("CallerArn")
            && arn != caller.principal.arn
        {
            caller.principal = principal_of(arn)?;
        }
        self.simulate(caller)
    }

    /// The user, group or role whose policies are asked about.
    async fn policy_source(&self) -> Result<Caller, Failure> {
        let arn = self.form.required("PolicySourceArn", "policySourceArn")?;
        self.permit(arn)?;
        let of_this_account = arn.starts_with("arn:aws:iam::") && account_in(arn) == self.account();
        let found = if of_this_account && !arn.ends_with(":root") {
            self.iam
                .caller_of(arn, self.simulated_environment())
                .await?
        } else {
            None
        };
        found.ok_or_else(|| {
            IamError::NoSuchEntity(format!("The entity with ARN {arn} cannot be found.")).into()
        })
    }

    /// A request of which nothing is known but where it is made.
    fn simulated_environment(&self) -> Environment {
        Environment {
            source_ip: None,
            secure_transport: false,
            user_agent: None,
            now: self.caller.environment.now,
            region: self.caller.environment.region.clone(),
        }
    }

    fn simulate(&self, mut caller: Caller) -> Result<Done, Failure> {
        let paging = self.form.paging()?;
        if self.form.get("ResourceHandlingOption").is_some() {
            return Err(Failure::unsupported(
                "ResourceHandlingOption is not supported: it is about EC2.",
            ));
        }
        let mut boundaries = parse_policies(self, "PermissionsBoundaryPolicyInputList")?;
        if boundaries.len() > 1 {
            return Err(invalid("Only one permissions boundary can be given."));
        }
        if let Some(boundary) = boundaries.pop() {
            caller.boundary = Some(boundary);
        }
        let context = self.simulated_context(&mut caller)?;
        let actions = members(self.form, "ActionNames", "");
        if actions.is_empty() {
            self.form.required("ActionNames", "actionNames")?;
        }
        if let Some(bad) = actions
            .iter()
            .find(|action| !action.contains(':') || action.contains(['*', '?']))
        {
            return Err(invalid(format!("{bad} is not the name of an action.")));
        }
        let mut resources = members(self.form, "ResourceArns", "");
        if resources.is_empty() {
            resources.push("*".into());
        }
        let owner = match self.form.get("ResourceOwner") {
            Some(arn) => account_in(arn).to_owned(),
            None => caller.principal.account_id.clone(),
        };
        let resource_policy = match self.form.get("ResourcePolicy") {
            None => None,
            Some(text) => Some(resource_policy(text, &resources)?),
        };
        let simulation = Simulation {
            caller,
            context,
            actions,
            resources,
            owner,
            resource_policy,
        };
        // Only what the page shows is evaluated.
        let pairs = simulation.pairs();
        let page = paging.take(pairs, |(key, _, _)| key)?;
        let outcomes = Page {
            items: page
                .items
                .into_iter()
                .map(|(_, action, resource)| simulation.run(action, resource))
                .collect(),
            marker: page.marker,
        };
        Ok(Done::result(|xml| {
            xml.element("EvaluationResults", |xml| {
                for outcome in &outcomes.items {
                    xml.element("member", |xml| outcome.write(xml));
                }
            });
            page_end(xml, outcomes.marker.as_deref());
        }))
    }

    /// The condition keys that are given: those about the request go to where a real one has them.
    fn simulated_context(&self, caller: &mut Caller) -> Result<Context, Failure> {
        let mut context = Context::new();
        let (mut mfa, mut source_identity) = (None, None);
        let names = members(self.form, "ContextEntries", ".ContextKeyName");
        for (at, name) in names.iter().enumerate() {
            let values = members(
                self.form,
                &format!("ContextEntries.member.{}.ContextKeyValues", at + 1),
                "",
            );
            let lowered = name.to_ascii_lowercase();
            let one = || match values.as_slice() {
                [value] => Ok(value.clone()),
                _ => Err(invalid(format!("{name} must have one value."))),
            };
            let bad = || invalid(format!("The value of {name} is not valid."));
            let environment = &mut caller.environment;
            match lowered.as_str() {
                "aws:sourceip" => {
                    environment.source_ip = Some(one()?.parse().map_err(|_| bad())?);
                }
                "aws:securetransport" => environment.secure_transport = truth(&one()?, bad)?,
                "aws:useragent" => environment.user_agent = Some(one()?),
                "aws:requestedregion" => environment.region = one()?,
                "aws:currenttime" => {
                    environment.now =
                        OffsetDateTime::parse(&one()?, &Rfc3339).map_err(|_| bad())?;
                }
                "aws:epochtime" => {
                    let seconds = one()?.parse().map_err(|_| bad())?;
                    environment.now =
                        OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| bad())?;
                }
                "aws:multifactorauthpresent" => mfa = Some(truth(&one()?, bad)?),
                "aws:sourceidentity" => source_identity = Some(one()?),
                "aws:username" => match &mut caller.principal.kind {
                    PrincipalKind::User { name } => *name = one()?,
                    _ => return Err(bad()),
                },
                key if OF_THE_CALLER.contains(&key) => {
                    return Err(invalid(format!(
                        "{name} follows from who calls and cannot be given."
                    )));
                }
                _ => match name.get("aws:PrincipalTag/".len()..) {
                    Some(tag) if lowered.starts_with("aws:principaltag/") => {
                        Arc::make_mut(&mut caller.tags).insert(tag.to_owned(), one()?);
                    }
                    _ => context.insert_all(name, values),
                },
            }
        }
        if mfa.is_some() || source_identity.is_some() {
            let now = caller.environment.now;
            caller.session = Some(Arc::new(Session {
                issued: now,
                expires: now + Duration::HOUR,
                mfa_at: mfa.unwrap_or(false).then_some(now),
                source_identity,
                federated_provider: None,
                policies: None,
            }));
        }
        Ok(context)
    }

    pub(super) fn context_keys_for_custom_policy(&self) -> Result<Done, Failure> {
        self.permit("*")?;
        let policies = parse_policies(self, "PolicyInputList")?;
        if policies.is_empty() {
            self.form.required("PolicyInputList", "policyInputList")?;
        }
        Ok(context_keys(&policies))
    }

    pub(super) async fn context_keys_for_principal_policy(&self) -> Result<Done, Failure> {
        let source = self.policy_source().await?;
        let mut policies = parse_policies(self, "PolicyInputList")?;
        policies.extend(source.identity_policies.iter().cloned());
        Ok(context_keys(&policies))
    }
}

fn context_keys(policies: &[AttachedPolicy]) -> Done {
    let keys: BTreeSet<String> = policies
        .iter()
        .flat_map(|attached| policy_context_keys(&attached.policy))
        .collect();
    Done::result(|xml| texts(xml, "ContextKeyNames", &keys))
}

fn truth(text: &str, bad: impl FnOnce() -> Failure) -> Result<bool, Failure> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(bad()),
    }
}

/// The policy that all the resources have: of keys it is the root of authority, of others it is not.
fn resource_policy(text: &str, resources: &[String]) -> Result<(Policy, Authority), Failure> {
    let of = |service: &str| {
        let prefix = format!("arn:aws:{service}:");
        resources.iter().all(|arn| arn.starts_with(&prefix))
    };
    let (parsed, authority) = if of("kms") {
        (Policy::parse_key_policy(text), Authority::KeyPolicy)
    } else if of("s3") {
        (Policy::parse_bucket_policy(text), Authority::Account)
    } else if of("iam") {
        (Policy::parse_trust(text), Authority::KeyPolicy)
    } else {
        return Err(invalid(
            "With a ResourcePolicy all resources must be of one kind: of S3, keys, or roles.",
        ));
    };
    Ok((parsed.map_err(unreadable)?, authority))
}

impl Simulation {
    fn pairs(&self) -> impl Iterator<Item = (String, &str, &str)> {
        let all = self.actions.iter().flat_map(|action| {
            self.resources
                .iter()
                .map(move |resource| (action.as_str(), resource.as_str()))
        });
        all.enumerate()
            .map(|(at, (action, resource))| (format!("{at:08}"), action, resource))
    }

    fn run(&self, action: &str, resource: &str) -> Outcome {
        let owner = match account_in(resource) {
            "" => &self.owner,
            account => account,
        };
        let (policy, authority) = match &self.resource_policy {
            Some((policy, authority)) => (Some(policy), *authority),
            None => (None, Authority::Account),
        };
        Outcome {
            action: action.to_owned(),
            resource: resource.to_owned(),
            cross_account: owner != self.caller.principal.account_id,
            explanation: explain(&Access {
                caller: &self.caller,
                action,
                resource,
                resource_account: owner,
                context: &self.context,
                resource_policy: policy,
                authority,
                grant: None,
            }),
        }
    }
}

impl Outcome {
    fn write(&self, xml: &mut Xml) {
        let explanation = &self.explanation;
        xml.text("EvalActionName", &self.action);
        xml.text("EvalResourceName", &self.resource);
        xml.text("EvalDecision", explanation.eval_decision().as_str());
        xml.element("MatchedStatements", |xml| {
            for statement in &explanation.matched {
                xml.element("member", |xml| matched(xml, statement));
            }
        });
        texts(xml, "MissingContextValues", &explanation.missing_context);
        if let Some(allowed) = explanation.allowed_by_boundary() {
            xml.element("PermissionsBoundaryDecisionDetail", |xml| {
                flag(xml, "AllowedByPermissionsBoundary", allowed);
            });
        }
        if self.cross_account {
            xml.element("EvalDecisionDetails", |xml| {
                for (policy, decision) in &explanation.by_type {
                    xml.element("entry", |xml| {
                        xml.text("key", &policy.to_string());
                        xml.text("value", decision.as_str());
                    });
                }
            });
        }
    }
}

/// A statement and where it stands. The name that evaluation knows a policy by says where it is from.
fn matched(xml: &mut Xml, statement: &Matched) {
    let name = statement.policy_name.as_str();
    let managed = name.strip_prefix("arn:aws:iam::");
    let inline = name
        .strip_prefix("inline policy ")
        .and_then(|rest| rest.split_once(" of "))
        .and_then(|(policy, of)| Some((policy, of.split_once(' ')?)));
    let (id, kind) = match (statement.policy_type, managed, inline) {
        (PolicyType::Resource, _, _) => ("ResourcePolicy".to_owned(), "resource"),
        (_, Some(rest), _) => {
            let id = rest.rsplit('/').next().unwrap_or(rest).to_owned();
            let of_aws = rest.starts_with("aws:");
            (
                id,
                if of_aws {
                    "aws-managed"
                } else {
                    "user-managed"
                },
            )
        }
        (_, _, Some((policy, (kind, holder)))) => (format!("{kind}_{holder}_{policy}"), kind),
        _ => (name.to_owned(), "none"),
    };
    xml.text("SourcePolicyId", &id);
    xml.text("SourcePolicyType", kind);
    for (element, position) in [
        ("StartPosition", statement.span.start),
        ("EndPosition", statement.span.end),
    ] {
        xml.element(element, |xml| {
            xml.text("Line", &position.line.to_string());
            xml.text("Column", &position.column.to_string());
        });
    }
}
