//! The claims of a token: for whom it was made, until when, and what policies may ask of it.

use std::collections::BTreeSet;

use jsonwebtoken::dangerous;
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::TokenFault;
use super::issuer::Issuer;
use super::signature::Claims;
use crate::model::OidcProvider;
use crate::records::Tags;
use crate::tags::parse_tags;

/// How far the clocks of providers may be ahead of ours.
const SKEW: Duration = Duration::minutes(5);
/// AWS takes a token for a day at most, whatever its end.
const REDEEMED_WITHIN: Duration = Duration::hours(24);
/// The longest subject that STS answers.
const MAX_SUBJECT: usize = 255;
/// Session tags in a token.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_adding-assume-role-idp>
const TAGS: &str = "https://aws.amazon.com/tags";
const SOURCE_IDENTITY: &str = "https://aws.amazon.com/source_identity";

/// A token that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdentityToken {
    pub subject: String,
    /// The audience that was accepted.
    pub audience: String,
    /// What policies may ask: condition keys and values, without the name of the provider.
    pub facts: Vec<(String, Vec<String>)>,
    pub tags: Tags,
    pub transitive: BTreeSet<String>,
    pub source_identity: Option<String>,
}

/// The issuer that an unverified token names: to find out who would have to have signed it.
pub(super) fn unverified_issuer(token: &str) -> Option<String> {
    let claims: Claims = dangerous::insecure_decode_claims(token).ok()?;
    Some(claims.get("iss")?.as_str()?.to_owned())
}

/// Checks the claims of a token whose signature is that of the provider.
pub(super) fn check(
    claims: &Claims,
    provider: &OidcProvider,
    issuer: &Issuer,
    now: OffsetDateTime,
) -> Result<IdentityToken, TokenFault> {
    let missing = |name: &str| TokenFault::invalid(format!("Missing a required claim: {name}"));
    if claims.get("iss").and_then(Value::as_str) != Some(issuer.url()) {
        return Err(missing("iss"));
    }
    check_times(claims, now)?;
    let subject = claims
        .get("sub")
        .and_then(Value::as_str)
        .filter(|subject| !subject.is_empty())
        .ok_or_else(|| missing("sub"))?;
    if subject.chars().count() > MAX_SUBJECT {
        return Err(TokenFault::invalid(format!(
            "The subject of the ID Token is longer than {MAX_SUBJECT} characters."
        )));
    }
    let audiences = claims
        .get("aud")
        .and_then(texts)
        .ok_or_else(|| missing("aud"))?;
    let is_client = |id: &str| provider.client_ids.iter().any(|known| known == id);
    let for_us = audiences
        .iter()
        .find(|audience| is_client(audience))
        .ok_or_else(|| TokenFault::invalid("Incorrect token audience"))?;
    // Whom the token was issued to, where that is not who it is meant for. It has to be known as well.
    let authorized = match claims.get("azp") {
        None | Some(Value::Null) => None,
        Some(Value::String(party)) if is_client(party) => Some(party),
        Some(_) => {
            return Err(TokenFault::RejectedClaim(
                "The azp claim of the token is not one of the audiences of the provider.".into(),
            ));
        }
    };
    if authorized.is_none() && audiences.len() > 1 {
        return Err(TokenFault::invalid(
            "Missing a required claim: azp (the token has several audiences)",
        ));
    }
    let audience = authorized.unwrap_or(for_us).clone();
    let (tags, transitive) = session_tags(claims)?;
    Ok(IdentityToken {
        subject: subject.to_owned(),
        facts: facts(claims, &audience, &audiences),
        audience,
        tags,
        transitive,
        source_identity: source_identity(claims)?,
    })
}

fn check_times(claims: &Claims, now: OffsetDateTime) -> Result<(), TokenFault> {
    let instant = |name: &str| match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => seconds(value)
            .map(Some)
            .ok_or_else(|| TokenFault::invalid(format!("The {name} claim is not a time."))),
    };
    let required = |name: &str| {
        instant(name)?
            .ok_or_else(|| TokenFault::invalid(format!("Missing a required claim: {name}")))
    };
    let (expires, issued) = (required("exp")?, required("iat")?);
    let seconds = now.unix_timestamp();
    if seconds >= expires {
        return Err(TokenFault::Expired(format!(
            "Token expired: current date/time {seconds} must be before the expiration date/time {expires}"
        )));
    }
    let ahead = seconds.saturating_add(SKEW.whole_seconds());
    for (name, time) in [("iat", Some(issued)), ("nbf", instant("nbf")?)] {
        if time.is_some_and(|time| time > ahead) {
            return Err(TokenFault::RejectedClaim(format!(
                "The token is not valid yet: its {name} claim is in the future."
            )));
        }
    }
    if seconds.saturating_sub(issued) > REDEEMED_WITHIN.whole_seconds() {
        return Err(TokenFault::Expired(
            "Token must be redeemed within 24 hours of issuance".into(),
        ));
    }
    Ok(())
}

/// A NumericDate (RFC 7519 §2), which may have a fraction.
fn seconds(value: &Value) -> Option<i64> {
    const LATEST: f64 = 253_402_300_799.0;
    if let Some(whole) = value.as_i64() {
        return Some(whole);
    }
    let number = value
        .as_f64()
        .filter(|number| (0.0..=LATEST).contains(number))?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "in range, and the fraction is to go"
    )]
    Some(number as i64)
}

/// A text, or a list of nothing but texts.
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(values) => values
            .iter()
            .map(|value| value.as_str().map(str::to_owned))
            .collect(),
        _ => None,
    }
}

/// `aud` is the party that the token was issued to, `oaud` whom it is meant for; the other claims are
/// called what they are.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif>
fn facts(claims: &Claims, audience: &str, audiences: &[String]) -> Vec<(String, Vec<String>)> {
    let mut facts = vec![
        ("aud".to_owned(), vec![audience.to_owned()]),
        ("oaud".to_owned(), audiences.to_vec()),
    ];
    for (name, value) in claims {
        let reserved = ["aud", "oaud", "iss"]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known));
        if reserved || name == TAGS || name == SOURCE_IDENTITY {
            continue;
        }
        let values = match value {
            Value::Bool(flag) => Some(vec![flag.to_string()]),
            Value::Number(number) => Some(vec![number.to_string()]),
            other => texts(other),
        };
        // Names that differ in case only would be one condition key: the first one stays.
        let known = facts
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(name));
        if let Some(values) = values.filter(|_| !known) {
            facts.push((name.clone(), values));
        }
    }
    facts
}

fn session_tags(claims: &Claims) -> Result<(Tags, BTreeSet<String>), TokenFault> {
    let malformed =
        || TokenFault::RejectedClaim(format!("The {TAGS} claim of the token is malformed."));
    let Some(given) = claims.get(TAGS) else {
        return Ok((Tags::new(), BTreeSet::new()));
    };
    let given = given.as_object().ok_or_else(malformed)?;
    let mut tags = Vec::new();
    for (key, values) in given
        .get("principal_tags")
        .map(|tags| tags.as_object().ok_or_else(malformed))
        .transpose()?
        .into_iter()
        .flatten()
    {
        // A list of one, because SAML has lists; a tag has one value.
        match texts(values).as_deref() {
            Some([value]) => tags.push((key.clone(), value.clone())),
            _ => return Err(malformed()),
        }
    }
    let tags = parse_tags(tags).map_err(|error| TokenFault::RejectedClaim(error.message()))?;
    let transitive: BTreeSet<String> = match given.get("transitive_tag_keys") {
        None => BTreeSet::new(),
        Some(keys) => texts(keys).ok_or_else(malformed)?.into_iter().collect(),
    };
    if transitive.iter().any(|key| !tags.contains_key(key)) {
        return Err(malformed());
    }
    Ok((tags, transitive))
}

fn source_identity(claims: &Claims) -> Result<Option<String>, TokenFault> {
    match claims.get(SOURCE_IDENTITY) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(TokenFault::RejectedClaim(format!(
            "The {SOURCE_IDENTITY} claim of the token is malformed."
        ))),
    }
}
