//! `sealgate explain`: whether a principal may do something, and which statement decides. It asks the
//! evaluator that every request is asked by.

use anyhow::{Context, bail};
use clap::Args;
use sealgate_kms::{Call, EncryptionContext};
use sealgate_policy::{
    Access, Authority, Caller, Context as Conditions, DecidedBy, Decision, Environment,
    Explanation, Policy, explain,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::control::Output;
use crate::stores::Stores;

/// The question.
#[derive(Args, Serialize, Deserialize)]
pub struct ExplainArgs {
    /// ARN of a user, a role, a role session or an account root
    #[arg(long, value_name = "ARN")]
    principal: String,
    /// Such as s3:GetObject, kms:Decrypt, sts:AssumeRole
    #[arg(long)]
    action: String,
    /// ARN of the bucket, object, key or role; "*" where the action has none
    #[arg(long, value_name = "ARN", default_value = "*")]
    resource: String,
    /// A condition key of the request, such as aws:SourceIp=10.0.0.1; may be repeated
    #[arg(long = "condition", value_name = "KEY=VALUE")]
    conditions: Vec<String>,
    /// A pair of the encryption context, for actions of the KMS; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    encryption_context: Vec<String>,
    /// The service that calls on the principal's behalf, such as s3
    #[arg(long, value_name = "SERVICE")]
    via: Option<String>,
}

impl ExplainArgs {
    /// Answers it.
    pub async fn run(self, stores: &Stores, output: &Output) -> anyhow::Result<()> {
        let mut environment = Environment {
            source_ip: None,
            secure_transport: true,
            user_agent: None,
            now: OffsetDateTime::now_utc(),
            region: stores.trail.region().to_owned(),
        };
        let mut context = Conditions::new();
        for (key, value) in pairs(&self.conditions)? {
            match key.to_ascii_lowercase().as_str() {
                "aws:sourceip" => {
                    let address = value.parse();
                    environment.source_ip =
                        Some(address.with_context(|| format!("{value} is not an address"))?);
                }
                "aws:securetransport" => environment.secure_transport = value == "true",
                "aws:useragent" => environment.user_agent = Some(value.to_owned()),
                _ => context.insert(key, value),
            }
        }
        let caller = stores
            .iam
            .caller_of(&self.principal, environment)
            .await?
            .with_context(|| format!("there is no principal {}", self.principal))?;
        let explanation = if self.resource.starts_with("arn:aws:kms:") {
            self.ask_kms(stores, &caller, context).await?
        } else {
            self.ask(stores, &caller, &context).await?
        };
        print(output, &explanation).await
    }

    async fn ask_kms(
        &self,
        stores: &Stores,
        caller: &Caller,
        conditions: Conditions,
    ) -> anyhow::Result<Explanation> {
        let pairs = pairs(&self.encryption_context)?;
        let encryption_context = EncryptionContext::from_pairs(
            pairs
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
        let region = stores.trail.region();
        let via = self
            .via
            .as_ref()
            .map(|service| format!("{service}.{region}.amazonaws.com"));
        Ok(stores
            .kms
            .explain_use(
                &Call {
                    caller,
                    request_id: "explain",
                    via: via.as_deref(),
                },
                &self.resource,
                &self.action,
                &encryption_context,
                |context| context.extend(conditions),
            )
            .await?)
    }

    async fn ask(
        &self,
        stores: &Stores,
        caller: &Caller,
        context: &Conditions,
    ) -> anyhow::Result<Explanation> {
        let mut account = caller.principal.account_id.clone();
        let mut resource_policy = None;
        let mut authority = Authority::Account;
        let parts: Vec<&str> = self.resource.splitn(6, ':').collect();
        match parts[..] {
            ["*"] => {}
            ["arn", "aws", "s3", "", "", path] => {
                let bucket = path.split('/').next().unwrap_or(path);
                if let Ok(bucket) = stores.index.bucket(bucket).await {
                    account.clone_from(&bucket.account_id);
                }
            }
            ["arn", "aws", "iam", "", owner, path] => {
                account = owner.to_owned();
                if self.action.starts_with("sts:")
                    && let Some(name) = path
                        .strip_prefix("role/")
                        .and_then(|path| path.rsplit('/').next())
                {
                    let role = stores.iam.role(owner, name).await?;
                    let role = role.with_context(|| format!("there is no role {name}"))?;
                    resource_policy = Some(Policy::parse_trust(&role.trust_policy)?);
                    authority = Authority::KeyPolicy;
                }
            }
            ["arn", "aws", _, _, owner, _] => account = owner.to_owned(),
            _ => bail!("{} is not an ARN", self.resource),
        }
        Ok(explain(&Access {
            caller,
            action: &self.action,
            resource: &self.resource,
            resource_account: &account,
            context,
            resource_policy: resource_policy.as_ref(),
            authority,
            grant: None,
        }))
    }
}

fn pairs(texts: &[String]) -> anyhow::Result<Vec<(&str, &str)>> {
    texts
        .iter()
        .map(|text| {
            text.split_once('=')
                .with_context(|| format!("{text} is not KEY=VALUE"))
        })
        .collect()
}

async fn print(output: &Output, explanation: &Explanation) -> anyhow::Result<()> {
    match &explanation.decision {
        Decision::Allowed => output.line("allowed").await?,
        Decision::Denied(denial) => output.line(format!("denied: {}", denial.message())).await?,
    }
    let decided = match &explanation.decided_by {
        DecidedBy::Statement(statement) => statement.to_string(),
        DecidedBy::Grant(id) => format!("grant {id}"),
        DecidedBy::RootUser => "nothing: the root user has every permission".to_owned(),
        DecidedBy::NoAllow(kind) => format!("no {kind} allows it"),
    };
    output.line(format!("decided by: {decided}")).await?;
    for statement in &explanation.matched {
        let line = format!("applies: {:?}, {statement}", statement.effect);
        output.line(line).await?;
    }
    for key in &explanation.missing_context {
        let line = format!("not in the request: {key} (give it with --condition)");
        output.line(line).await?;
    }
    Ok(())
}
