//! Key policies and tags.

use sealgate_kms::PutKeyPolicyRequest;
use serde_json::json;

use super::{Operation, Output, paged};

impl Operation<'_> {
    pub(super) async fn put_key_policy(mut self) -> Output {
        let request = PutKeyPolicyRequest {
            policy_name: self.input.string("PolicyName")?,
            policy: self.input.required("Policy")?,
            bypass_policy_lockout_safety_check: self
                .input
                .boolean("BypassPolicyLockoutSafetyCheck")?,
        };
        let key_id = self.key_id()?;
        self.kms.put_key_policy(self.call, &key_id, request).await?;
        Ok(None)
    }

    pub(super) async fn get_key_policy(mut self) -> Output {
        let policy_name = self.input.string("PolicyName")?;
        let key_id = self.key_id()?;
        let policy = self
            .kms
            .get_key_policy(self.call, &key_id, policy_name.as_deref())
            .await?;
        Ok(Some(json!({ "Policy": policy, "PolicyName": "default" })))
    }

    pub(super) async fn list_key_policies(mut self) -> Output {
        let page = self.page()?;
        let key_id = self.key_id()?;
        let page = self.kms.list_key_policies(self.call, &key_id, page).await?;
        Ok(Some(paged("PolicyNames", page, |name| json!(name))))
    }

    pub(super) async fn tag_resource(mut self) -> Output {
        let tags = self.input.required_pairs("Tags", "TagKey", "TagValue")?;
        let key_id = self.key_id()?;
        self.kms
            .tag_resource(self.call, &key_id, Self::tags(tags))
            .await?;
        Ok(None)
    }

    pub(super) async fn untag_resource(mut self) -> Output {
        let keys = self.input.required_strings("TagKeys")?;
        let key_id = self.key_id()?;
        self.kms.untag_resource(self.call, &key_id, keys).await?;
        Ok(None)
    }

    pub(super) async fn list_resource_tags(mut self) -> Output {
        let page = self.page()?;
        let key_id = self.key_id()?;
        let page = self
            .kms
            .list_resource_tags(self.call, &key_id, page)
            .await?;
        Ok(Some(paged(
            "Tags",
            page,
            |tag| json!({ "TagKey": tag.key, "TagValue": tag.value }),
        )))
    }
}
