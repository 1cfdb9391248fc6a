//! Parameters of STS out of the form, and what the trail shows of them.

use sealgate_iam::{
    AssumeRole, AssumeRoleWithWebIdentity, ExternalId, FederatedName, GetFederationToken, IamError,
    RoleArn, RoleSessionName, SessionDuration, SessionPolicyRequest, SourceIdentity, constraint,
    parse_access_key_id, parse_session_tags,
};
use serde_json::{Map, Value, json};

use super::super::Failure;
use super::super::form::Form;

/// Parameters that the trail shows. The token of an identity provider is not among them.
const RECORDED: [(&str, &str); 8] = [
    ("RoleArn", "roleArn"),
    ("RoleSessionName", "roleSessionName"),
    ("Name", "name"),
    ("Policy", "policy"),
    ("DurationSeconds", "durationSeconds"),
    ("ExternalId", "externalId"),
    ("SourceIdentity", "sourceIdentity"),
    ("AccessKeyId", "accessKeyId"),
];
/// Members of a list that are read; every list of STS is shorter.
const MAX_MEMBERS: usize = 100;
const NO_MFA: &str = "Sealgate has no multi-factor authentication devices: SerialNumber and TokenCode are not supported.";

/// The parameters as the trail shows them.
pub fn recorded(form: &Form) -> Value {
    let mut map: Map<String, Value> = RECORDED
        .iter()
        .filter_map(|(name, member)| Some(((*member).to_owned(), form.get(name)?.into())))
        .collect();
    let arns = members(form, "PolicyArns", ".arn");
    if !arns.is_empty() {
        let arns = arns.iter().map(|arn| json!({ "arn": arn })).collect();
        map.insert("policyArns".into(), Value::Array(arns));
    }
    let tags = tags(form);
    if !tags.is_empty() {
        let tags = tags
            .iter()
            .map(|(key, value)| json!({ "key": key, "value": value }))
            .collect();
        map.insert("tags".into(), Value::Array(tags));
    }
    let transitive = members(form, "TransitiveTagKeys", "");
    if !transitive.is_empty() {
        map.insert("transitiveTagKeys".into(), json!(transitive));
    }
    if map.is_empty() {
        Value::Null
    } else {
        Value::Object(map)
    }
}

/// `NAME.member.1SUFFIX`, `NAME.member.2SUFFIX`, …
fn members(form: &Form, name: &str, suffix: &str) -> Vec<String> {
    (1..=MAX_MEMBERS)
        .map_while(|at| form.get(&format!("{name}.member.{at}{suffix}")))
        .map(str::to_owned)
        .collect()
}

fn tags(form: &Form) -> Vec<(String, String)> {
    (1..=MAX_MEMBERS)
        .map_while(|at| {
            let key = form.get(&format!("Tags.member.{at}.Key"))?;
            // A tag without value is not one, and AWS says so; one with an empty value is.
            let value = form
                .get(&format!("Tags.member.{at}.Value"))
                .unwrap_or_default();
            Some((key.to_owned(), value.to_owned()))
        })
        .collect()
}

fn duration(form: &Form, most: SessionDuration) -> Result<Option<SessionDuration>, IamError> {
    form.get("DurationSeconds")
        .map(|text| SessionDuration::parse(text, most))
        .transpose()
}

fn policies(form: &Form) -> Result<SessionPolicyRequest, IamError> {
    SessionPolicyRequest::parse(form.get("Policy"), members(form, "PolicyArns", ".arn"))
}

/// Without devices no code can be right, and left out silently it would seem to have been checked.
fn refuse_mfa(form: &Form) -> Result<(), Failure> {
    if form.get("SerialNumber").is_some() || form.get("TokenCode").is_some() {
        return Err(Failure::unsupported(NO_MFA));
    }
    Ok(())
}

/// The role and the name of the session.
fn role(form: &Form) -> Result<(RoleArn, RoleSessionName), IamError> {
    Ok((
        RoleArn::parse(form.required("RoleArn", "roleArn")?)?,
        RoleSessionName::parse(form.required("RoleSessionName", "roleSessionName")?)?,
    ))
}

pub fn assume_role(form: &Form) -> Result<AssumeRole, Failure> {
    refuse_mfa(form)?;
    if form.has_prefix("ProvidedContexts.") {
        return Err(Failure::unsupported(
            "ProvidedContexts are not supported: there are no providers of contexts.",
        ));
    }
    let (role, session_name) = role(form)?;
    Ok(AssumeRole {
        role,
        session_name,
        duration: duration(form, SessionDuration::TWELVE_HOURS)?,
        policies: policies(form)?,
        tags: parse_session_tags(tags(form), members(form, "TransitiveTagKeys", ""))?,
        external_id: form.get("ExternalId").map(ExternalId::parse).transpose()?,
        source_identity: form
            .get("SourceIdentity")
            .map(SourceIdentity::parse)
            .transpose()?,
    })
}

/// The request, and the token beside it.
pub fn assume_role_with_web_identity(
    form: &Form,
) -> Result<(AssumeRoleWithWebIdentity, &str), Failure> {
    // For the OAuth 2.0 access tokens of three companies; with a token of OpenID Connect AWS forbids it.
    if form.get("ProviderId").is_some() {
        return Err(Failure::unsupported(
            "ProviderId is not supported: only tokens of OpenID Connect are, which name their provider themselves.",
        ));
    }
    let (role, session_name) = role(form)?;
    let token = form.required("WebIdentityToken", "webIdentityToken")?;
    let rule = match token.len() {
        ..4 => "Member must have length greater than or equal to 4",
        4..=20_000 => "",
        _ => "Member must have length less than or equal to 20000",
    };
    if !rule.is_empty() {
        // The model calls the value sensitive: it is not repeated.
        return Err(constraint("webIdentityToken", "***", rule).into());
    }
    let request = AssumeRoleWithWebIdentity {
        role,
        session_name,
        duration: duration(form, SessionDuration::TWELVE_HOURS)?,
        policies: policies(form)?,
    };
    Ok((request, token))
}

pub fn session_token(form: &Form) -> Result<Option<SessionDuration>, Failure> {
    refuse_mfa(form)?;
    Ok(duration(form, SessionDuration::LONGEST)?)
}

pub fn federation_token(form: &Form) -> Result<GetFederationToken, Failure> {
    Ok(GetFederationToken {
        name: FederatedName::parse(form.required("Name", "name")?)?,
        duration: duration(form, SessionDuration::LONGEST)?,
        policies: policies(form)?,
        tags: parse_session_tags(tags(form), Vec::new())?,
    })
}

pub fn access_key_id(form: &Form) -> Result<String, Failure> {
    Ok(parse_access_key_id(
        form.required("AccessKeyId", "accessKeyId")?,
    )?)
}
