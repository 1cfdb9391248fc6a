//! Grants.

use sealgate_kms::{
    CreateGrantRequest, GrantConstraints, GrantListEntry, ListGrantsRequest, RetireGrantRequest,
};
use serde_json::{Map, Value, json};

use super::{EncryptionContext, Failure, Operation, Output, paged, timestamp};

impl Operation<'_> {
    pub(super) async fn create_grant(mut self) -> Output {
        // To ignore these would make a grant to somebody else, or one without its constraint.
        for member in ["GranteeServicePrincipal", "RetiringServicePrincipal"] {
            if self.input.has(member) {
                return Err(unsupported(member).into());
            }
        }
        let request = CreateGrantRequest {
            grantee_principal: self.input.required("GranteePrincipal")?,
            retiring_principal: self.input.string("RetiringPrincipal")?,
            operations: self.input.required_strings("Operations")?,
            constraints: self.constraints()?,
            name: self.input.string("Name")?,
            grant_tokens: self.input.strings("GrantTokens")?.unwrap_or_default(),
            dry_run: self.input.boolean("DryRun")?,
        };
        let key_id = self.key_id()?;
        let created = self.kms.create_grant(self.call, &key_id, request).await?;
        Ok(Some(json!({
            "GrantToken": created.grant_token,
            "GrantId": created.grant_id,
        })))
    }

    fn constraints(&mut self) -> Result<GrantConstraints, Failure> {
        let Some(mut given) = self.input.structure("Constraints")? else {
            return Ok(GrantConstraints::default());
        };
        if given.has("SourceArn") {
            return Err(unsupported("Constraints.SourceArn"));
        }
        Ok(GrantConstraints {
            encryption_context_equals: EncryptionContext::from_pairs(
                given.map("EncryptionContextEquals")?,
            ),
            encryption_context_subset: EncryptionContext::from_pairs(
                given.map("EncryptionContextSubset")?,
            ),
        })
    }

    pub(super) async fn list_grants(mut self) -> Output {
        let request = ListGrantsRequest {
            grant_id: self.input.string("GrantId")?,
            grantee_principal: self.input.string("GranteePrincipal")?,
            page: self.page()?,
        };
        let key_id = self.key_id()?;
        let page = self.kms.list_grants(self.call, &key_id, request).await?;
        Ok(Some(paged("Grants", page, entry)))
    }

    pub(super) async fn list_retirable_grants(mut self) -> Output {
        let page = self.page()?;
        let principal = self.input.required("RetiringPrincipal")?;
        self.input.finish()?;
        let page = self
            .kms
            .list_retirable_grants(self.call, &principal, page)
            .await?;
        Ok(Some(paged("Grants", page, entry)))
    }

    pub(super) async fn retire_grant(self) -> Output {
        let request = RetireGrantRequest {
            grant_token: self.input.string("GrantToken")?,
            key_id: self.input.string("KeyId")?,
            grant_id: self.input.string("GrantId")?,
            dry_run: self.input.boolean("DryRun")?,
        };
        self.kms.retire_grant(self.call, request).await?;
        Ok(None)
    }

    pub(super) async fn revoke_grant(mut self) -> Output {
        let grant_id = self.input.required("GrantId")?;
        let dry_run = self.input.boolean("DryRun")?;
        let key_id = self.key_id()?;
        self.kms
            .revoke_grant(self.call, &key_id, &grant_id, dry_run)
            .await?;
        Ok(None)
    }
}

fn unsupported(member: &str) -> Failure {
    Failure::refused(
        "UnsupportedOperationException",
        format!("{member} is not supported by Sealgate: grants are to principals of IAM."),
    )
}

fn entry(grant: GrantListEntry) -> Value {
    let operations = grant.operations.iter().map(|operation| operation.as_str());
    let mut entry = Map::new();
    entry.insert("KeyId".into(), grant.key_arn.into());
    entry.insert("GrantId".into(), grant.grant_id.into());
    entry.insert("CreationDate".into(), timestamp(grant.created));
    entry.insert("GranteePrincipal".into(), grant.grantee_principal.into());
    entry.insert("IssuingAccount".into(), grant.issuing_account.into());
    entry.insert("Operations".into(), operations.collect());
    // AWS answers an empty name where there is none.
    entry.insert("Name".into(), grant.name.unwrap_or_default().into());
    if let Some(principal) = grant.retiring_principal {
        entry.insert("RetiringPrincipal".into(), principal.into());
    }
    if let Some(constraint) = grant.constraint {
        entry.insert("Constraints".into(), constraint.to_json());
    }
    Value::Object(entry)
}
