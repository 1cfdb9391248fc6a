//! Managed policies.

use sealgate_iam::{
    EntityFilter, HolderKind, NewPolicy, PolicyFilter, PolicyScope, PolicyUsage, parse_version_id,
    policy_arn,
};
use sealgate_policy::Context;
use serde_json::json;

use super::authorize::request_tags;
use super::parameters::{choice, flag};
use super::shapes::{self, page_end, policy_fields, trail_time, version_fields, version_id};
use super::{Call, Done, Failure};

const USAGES: [(&str, PolicyUsage); 2] = [
    ("PermissionsPolicy", PolicyUsage::Permissions),
    ("PermissionsBoundary", PolicyUsage::Boundary),
];

impl Call<'_> {
    fn version_id(&self) -> Result<u32, Failure> {
        Ok(parse_version_id(
            self.form.required("VersionId", "versionId")?,
        )?)
    }

    fn usage(&self) -> Result<Option<PolicyUsage>, Failure> {
        Ok(choice(
            self.form,
            "PolicyUsageFilter",
            "policyUsageFilter",
            &USAGES,
        )?)
    }

    pub(super) async fn create_policy(&self) -> Result<Done, Failure> {
        let new = NewPolicy {
            name: self.policy_name()?,
            path: self.path()?,
            document: self.policy_document()?.to_owned(),
            description: self.form.get("Description").map(str::to_owned),
            tags: self.tags()?,
        };
        let mut context = Context::new();
        request_tags(&mut context, &new.tags);
        let arn = policy_arn(self.account(), new.path.as_str(), new.name.as_str());
        self.permit_with(&arn, &context)?;
        let policy = self.iam.create_policy(self.account(), &new).await?;
        let recorded = json!({ "policy": {
            "policyName": policy.name,
            "policyId": policy.id,
            "arn": policy.arn,
            "path": policy.path,
            "defaultVersionId": version_id(policy.default_version),
            "attachmentCount": policy.attachments,
            "permissionsBoundaryUsageCount": policy.boundaries,
            "isAttachable": true,
            "createDate": trail_time(policy.created),
            "updateDate": trail_time(policy.updated),
            "tags": shapes::recorded_tags(&policy.tags),
        }});
        let done = Done::result(|xml| {
            xml.element("Policy", |xml| {
                policy_fields(xml, &policy);
                shapes::tags(xml, &policy.tags);
            });
        });
        Ok(done.recorded(recorded))
    }

    pub(super) async fn get_policy(&self) -> Result<Done, Failure> {
        let arn = self.policy_arn()?;
        self.permit_policy(&arn).await?;
        let policy = self.iam.get_policy(self.account(), &arn).await?;
        Ok(Done::result(|xml| {
            xml.element("Policy", |xml| {
                policy_fields(xml, &policy);
                if let Some(text) = &policy.description {
                    xml.text("Description", text);
                }
                shapes::tag_list(xml, &policy.tags);
            });
        }))
    }

    pub(super) async fn list_policies(&self) -> Result<Done, Failure> {
        let scopes = [
            ("All", PolicyScope::All),
            ("AWS", PolicyScope::Aws),
            ("Local", PolicyScope::Local),
        ];
        let filter = PolicyFilter {
            scope: choice(self.form, "Scope", "scope", &scopes)?.unwrap_or(PolicyScope::All),
            only_attached: flag(self.form, "OnlyAttached", "onlyAttached")?,
            path_prefix: self.path_prefix()?,
            usage: self.usage()?,
        };
        let paging = self.form.paging()?;
        self.permit(&format!(
            "arn:aws:iam::{}:policy{}",
            self.account(),
            filter.path_prefix
        ))?;
        let page = self
            .iam
            .list_policies(self.account(), &filter, &paging)
            .await?;
        Ok(Done::result(|xml| {
            xml.element("Policies", |xml| {
                for policy in &page.items {
                    xml.element("member", |xml| policy_fields(xml, policy));
                }
            });
            page_end(xml, page.marker.as_deref());
        }))
    }

    pub(super) async fn delete_policy(&self) -> Result<Done, Failure> {
        let arn = self.policy_arn()?;
        self.permit_policy_change(&arn, |_| {}).await?;
        self.iam.delete_policy(self.account(), &arn).await?;
        Ok(Done::nothing())
    }

    pub(super) async fn create_policy_version(&self) -> Result<Done, Failure> {
        let arn = self.policy_arn()?;
        let document = self.policy_document()?;
        let set_as_default = flag(self.form, "SetAsDefault", "setAsDefault")?;
        self.permit_policy_change(&arn, |_| {}).await?;
        let version = self
            .iam
            .create_policy_version(self.account(), &arn, document, set_as_default)
            .await?;
        let recorded = json!({ "policyVersion": {
            "versionId": version_id(version.number),
            "isDefaultVersion": version.is_default,
            "createDate": trail_time(version.created),
        }});
        let done = Done::result(|xml| {
            xml.element("PolicyVersion", |xml| version_fields(xml, &version, false));
        });
        Ok(done.recorded(recorded))
    }

    pub(super) async fn get_policy_version(&self) -> Result<Done, Failure> {
        let arn = self.policy_arn()?;
        let number = self.version_id()?;
        self.permit_policy(&arn).await?;
        let version = self
            .iam
            .policy_version(self.account(), &arn, number)
            .await?;
        Ok(Done::result(|xml| {
            xml.element("PolicyVersion", |xml| version_fields(xml, &version, true));
        }))
    }

    pub(super) async fn list_policy_versions(&self) -> Result<Done, Failure> {
        let arn = self.policy_arn()?;
        let paging = self.form.paging()?;
        self.permit_policy(&arn).await?;
        let page = self
            .iam
            .list_policy_versions(self.account(), &arn, &paging)
            .await?;
        Ok(Done::result(|xml| {
            xml.element("Versions", |xml| {
                for version in &page.items {
                    xml.element("member", |xml| version_fields(xml, version, false));
                }
            });
            page_end(xml, page.marker.as_deref());
        }))
    }

    pub(super) async fn set_default_policy_version(&self) -> Result<Done, Failure> {
        let arn = self.policy_arn()?;
        let number = self.version_id()?;
        self.permit_policy_change(&arn, |_| {}).await?;
        self.iam
            .set_default_policy_version(self.account(), &arn, number)
            .await?;
        Ok(Done::nothing())
    }

    pub(super) async fn delete_policy_version(&self) -> Result<Done, Failure> {
        let arn = self.policy_arn()?;
        let number = self.version_id()?;
        self.permit_policy_change(&arn, |_| {}).await?;
        self.iam
            .delete_policy_version(self.account(), &arn, number)
            .await?;
        Ok(Done::nothing())
    }

    pub(super) async fn list_entities_for_policy(&self) -> Result<Done, Failure> {
        let arn = self.policy_arn()?;
        let kinds = [
            ("User", HolderKind::User),
            ("Role", HolderKind::Role),
            ("Group", HolderKind::Group),
        ];
        let filter = EntityFilter {
            kind: choice(self.form, "EntityFilter", "entityFilter", &kinds)?,
            path_prefix: self.path_prefix()?,
            usage: self.usage()?,
        };
        let paging = self.form.paging()?;
        self.permit_policy(&arn).await?;
        let page = self
            .iam
            .entities_for_policy(self.account(), &arn, &filter, &paging)
            .await?;
        Ok(Done::result(|xml| {
            for (list, kind, name, id) in [
                ("PolicyGroups", HolderKind::Group, "GroupName", "GroupId"),
                ("PolicyUsers", HolderKind::User, "UserName", "UserId"),
                ("PolicyRoles", HolderKind::Role, "RoleName", "RoleId"),
            ] {
                xml.element(list, |xml| {
                    for entity in page.items.iter().filter(|entity| entity.kind == kind) {
                        xml.element("member", |xml| {
                            xml.text(name, &entity.name);
                            xml.text(id, &entity.id);
                        });
                    }
                });
            }
            page_end(xml, page.marker.as_deref());
        }))
    }
}
