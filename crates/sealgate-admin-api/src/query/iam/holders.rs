//! Policies of users, groups and roles: inline, attached, and boundaries.

use sealgate_iam::{HolderKind, PolicyArn};

use super::authorize::boundary;
use super::shapes::{self, page_end, texts};
use super::{Call, Done, Failure};

fn name_element(kind: HolderKind) -> &'static str {
    match kind {
        HolderKind::User => "UserName",
        HolderKind::Group => "GroupName",
        HolderKind::Role => "RoleName",
    }
}

impl Call<'_> {
    pub(super) async fn put_inline_policy(&self, kind: HolderKind) -> Result<Done, Failure> {
        let holder = self.holder(kind)?;
        let policy = self.policy_name()?;
        let document = self.policy_document()?;
        self.permit_holder(&holder, |_| {}).await?;
        self.iam
            .put_inline_policy(self.account(), &holder, &policy, document)
            .await?;
        Ok(Done::nothing())
    }

    pub(super) async fn get_inline_policy(&self, kind: HolderKind) -> Result<Done, Failure> {
        let holder = self.holder(kind)?;
        let policy = self.policy_name()?;
        self.permit_holder(&holder, |_| {}).await?;
        let document = self
            .iam
            .inline_policy(self.account(), &holder, &policy)
            .await?;
        Ok(Done::result(|xml| {
            xml.text(name_element(kind), holder.name());
            xml.text("PolicyName", policy.as_str());
            shapes::document(xml, "PolicyDocument", &document);
        }))
    }

    pub(super) async fn list_inline_policies(&self, kind: HolderKind) -> Result<Done, Failure> {
        let holder = self.holder(kind)?;
        let paging = self.form.paging()?;
        self.permit_holder(&holder, |_| {}).await?;
        let page = self
            .iam
            .inline_policies(self.account(), &holder, &paging)
            .await?;
        Ok(Done::result(|xml| {
            texts(xml, "PolicyNames", &page.items);
            page_end(xml, page.marker.as_deref());
        }))
    }

    pub(super) async fn delete_inline_policy(&self, kind: HolderKind) -> Result<Done, Failure> {
        let holder = self.holder(kind)?;
        let policy = self.policy_name()?;
        self.permit_holder(&holder, |_| {}).await?;
        self.iam
            .delete_inline_policy(self.account(), &holder, &policy)
            .await?;
        Ok(Done::nothing())
    }

    pub(super) async fn attach_policy(&self, kind: HolderKind) -> Result<Done, Failure> {
        let holder = self.holder(kind)?;
        let arn = self.policy_arn()?;
        self.permit_holder(&holder, |context| {
            context.insert("iam:PolicyARN", arn.as_str());
        })
        .await?;
        self.iam
            .attach_policy(self.account(), &holder, &arn)
            .await?;
        Ok(Done::nothing())
    }

    pub(super) async fn detach_policy(&self, kind: HolderKind) -> Result<Done, Failure> {
        let holder = self.holder(kind)?;
        let arn = self.policy_arn()?;
        self.permit_holder(&holder, |context| {
            context.insert("iam:PolicyARN", arn.as_str());
        })
        .await?;
        self.iam
            .detach_policy(self.account(), &holder, &arn)
            .await?;
        Ok(Done::nothing())
    }

    pub(super) async fn list_attached_policies(&self, kind: HolderKind) -> Result<Done, Failure> {
        let holder = self.holder(kind)?;
        let prefix = self.path_prefix()?;
        let paging = self.form.paging()?;
        self.permit_holder(&holder, |_| {}).await?;
        let page = self
            .iam
            .attached_policies(self.account(), &holder, &prefix, &paging)
            .await?;
        Ok(Done::result(|xml| {
            shapes::attached(xml, "AttachedPolicies", &page.items);
            page_end(xml, page.marker.as_deref());
        }))
    }

    pub(super) async fn put_boundary(&self, kind: HolderKind) -> Result<Done, Failure> {
        let holder = self.holder(kind)?;
        let arn = PolicyArn::parse(
            self.form
                .required("PermissionsBoundary", "permissionsBoundary")?,
        )?;
        // Conditions look at the boundary that is asked for, so that an administrator can let others
        // set that one and no other.
        self.permit_holder(&holder, |context| boundary(context, arn.as_str()))
            .await?;
        self.iam.put_boundary(self.account(), &holder, &arn).await?;
        Ok(Done::nothing())
    }

    pub(super) async fn delete_boundary(&self, kind: HolderKind) -> Result<Done, Failure> {
        let holder = self.holder(kind)?;
        self.permit_holder(&holder, |_| {}).await?;
        self.iam.delete_boundary(self.account(), &holder).await?;
        Ok(Done::nothing())
    }
}
