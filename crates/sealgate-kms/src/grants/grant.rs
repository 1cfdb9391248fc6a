//! One grant: what is kept of it, and whether it covers a use of its key.

use std::fmt;

use sealgate_crypto::hash::{Digest as _, Sha256};
use sealgate_policy::Context;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::arn::{AccountId, KeyId, check_length, key_arn};
use crate::error::KmsError;
use crate::grants::constraint::Check;
use crate::grants::{GrantConstraint, GrantListEntry, GrantOperation, account_principal};
use crate::key::millis;
use crate::material::no_random;

/// Bytes of a grant id that tell the grantee.
const TAG: usize = 8;
/// The longest text that is looked at as a grant id.
const MAX_GRANT_ID: usize = 128;

/// The id of a grant: 32 bytes, of which the first ones follow from the grantee. So the grants of one
/// grantee are neighbours in the index, however many others the key has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GrantId([u8; 32]);

impl GrantId {
    /// A new id for a grant to this principal.
    pub(crate) fn new(grantee: &str) -> Result<GrantId, KmsError> {
        let mut bytes = [0; 32];
        sealgate_crypto::random::fill(&mut bytes).map_err(no_random)?;
        for (byte, tag) in bytes.iter_mut().zip(GrantId::tag(grantee)) {
            *byte = tag;
        }
        Ok(GrantId(bytes))
    }

    /// What the ids of grants to this principal begin with. Others may begin with it as well.
    fn tag(grantee: &str) -> impl Iterator<Item = u8> {
        Sha256::digest(grantee).into_iter().take(TAG)
    }

    /// The text that the ids of grants to this principal begin with.
    pub(crate) fn prefix(grantee: &str) -> String {
        hex::encode(GrantId::tag(grantee).collect::<Vec<_>>())
    }

    /// Parses what a client gave as `GrantId`.
    pub(crate) fn parse(text: &str) -> Result<GrantId, KmsError> {
        check_length(text, "grantId", MAX_GRANT_ID)?;
        let invalid = || KmsError::InvalidGrantId(format!("The grant ID {text} is not valid."));
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| invalid())?;
        let id = GrantId(bytes);
        if id.to_string() == text {
            Ok(id)
        } else {
            Err(invalid())
        }
    }

    pub(crate) fn from_bytes(bytes: [u8; 32]) -> GrantId {
        GrantId(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for GrantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Record `kms/grant`, id `ACCOUNT/KEYID/GRANTID`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct GrantRecord {
    pub grantee: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retiring: Option<String>,
    pub operations: Vec<GrantOperation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraint: Option<GrantConstraint>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The account of whoever made the grant.
    pub issuer: AccountId,
    #[serde(with = "millis")]
    pub created: OffsetDateTime,
}

impl GrantRecord {
    /// A digest of everything that two requests must have in common to ask for the same grant; `None` for
    /// a grant without a name, of which each request makes another.
    pub(crate) fn identity(&self) -> Option<String> {
        let name = self.name.as_ref()?;
        let said = serde_json::to_vec(&(
            name,
            &self.grantee,
            &self.retiring,
            &self.operations,
            &self.constraint,
            self.issuer,
        ));
        // Serializing these types to memory does not fail; if it did, the name would not be found again.
        said.ok().map(|said| hex::encode(Sha256::digest(said)))
    }
}

/// A grant on a key.
#[derive(Debug)]
pub(crate) struct Grant {
    pub id: String,
    pub record: GrantRecord,
    check: Option<Check>,
}

impl Grant {
    pub(crate) fn new(id: String, record: GrantRecord) -> Grant {
        let check = record.constraint.as_ref().map(Check::new);
        Grant { id, record, check }
    }

    /// Whether the grant permits this operation under the condition keys of a request. Constraints count
    /// where there is an encryption context. Who may make grants by a grant can give on only what it
    /// gives, under the same constraint or a stricter one.
    pub(crate) fn covers(&self, operation: GrantOperation, request: &Context) -> bool {
        if !self.record.operations.contains(&operation) {
            return false;
        }
        match &self.check {
            _ if operation == GrantOperation::CreateGrant => {
                let given_on = request.get("kms:grantoperations").unwrap_or_default();
                !given_on.is_empty()
                    && given_on.iter().all(|name| {
                        GrantOperation::parse(name)
                            .is_some_and(|it| self.record.operations.contains(&it))
                    })
                    && self
                        .check
                        .as_ref()
                        .is_none_or(|check| check.is_kept(request))
            }
            Some(check) if operation.takes_encryption_context() => check.is_met(request),
            _ => true,
        }
    }

    pub(crate) fn listed(&self, region: &str, account: AccountId, key: KeyId) -> GrantListEntry {
        let record = &self.record;
        GrantListEntry {
            key_arn: key_arn(region, account, key),
            grant_id: self.id.clone(),
            name: record.name.clone(),
            created: record.created,
            grantee_principal: record.grantee.clone(),
            retiring_principal: record.retiring.clone(),
            issuing_account: account_principal(record.issuer),
            operations: record.operations.clone(),
            constraint: record.constraint.clone(),
        }
    }
}
