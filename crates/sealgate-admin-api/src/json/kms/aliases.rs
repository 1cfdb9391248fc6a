//! Aliases.

use serde_json::json;

use super::{Operation, Output, paged, timestamp};

impl Operation<'_> {
    pub(super) async fn create_alias(self) -> Output {
        let name = self.input.required("AliasName")?;
        let target = self.input.required("TargetKeyId")?;
        self.input.finish()?;
        self.kms.create_alias(self.call, &name, &target).await?;
        Ok(None)
    }

    pub(super) async fn update_alias(self) -> Output {
        let name = self.input.required("AliasName")?;
        let target = self.input.required("TargetKeyId")?;
        self.input.finish()?;
        self.kms.update_alias(self.call, &name, &target).await?;
        Ok(None)
    }

    pub(super) async fn delete_alias(self) -> Output {
        let name = self.input.required("AliasName")?;
        self.input.finish()?;
        self.kms.delete_alias(self.call, &name).await?;
        Ok(None)
    }

    pub(super) async fn list_aliases(mut self) -> Output {
        let key_id = self.input.string("KeyId")?;
        let page = self.page()?;
        let page = self
            .kms
            .list_aliases(self.call, key_id.as_deref(), page)
            .await?;
        Ok(Some(paged("Aliases", page, |alias| {
            json!({
                "AliasName": alias.name,
                "AliasArn": alias.arn,
                "TargetKeyId": alias.target_key_id,
                "CreationDate": timestamp(alias.created),
                "LastUpdatedDate": timestamp(alias.updated),
            })
        })))
    }
}
