//! The account as a whole: alias, summary, credential report, everything in one listing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_iam::{Detail, DetailKind, PolicyDetails};

use super::parameters::{chosen, members};
use super::shapes::{
    self, document, group_fields, page_end, policy_fields, role_fields, role_last_used, texts,
    user_fields, version_fields,
};
use super::{Call, Done, Failure};
use crate::query::xml::Xml;

fn policies(xml: &mut Xml, element: &str, policies: &PolicyDetails) {
    xml.element(element, |xml| {
        for (name, text) in &policies.inline {
            xml.element("member", |xml| {
                xml.text("PolicyName", name);
                document(xml, "PolicyDocument", text);
            });
        }
    });
    shapes::attached(xml, "AttachedManagedPolicies", &policies.attached);
}

fn detail(xml: &mut Xml, detail: &Detail) {
    match detail {
        Detail::User(user, held, groups) => {
            user_fields(xml, user);
            policies(xml, "UserPolicyList", held);
            texts(xml, "GroupList", groups);
            shapes::boundary(xml, user.boundary.as_ref());
            shapes::tag_list(xml, &user.tags);
        }
        Detail::Group(group, held) => {
            group_fields(xml, group);
            policies(xml, "GroupPolicyList", held);
        }
        Detail::Role(role, held) => {
            role_fields(xml, role);
            xml.element("InstanceProfileList", |_| {});
            policies(xml, "RolePolicyList", held);
            shapes::boundary(xml, role.boundary.as_ref());
            shapes::tag_list(xml, &role.tags);
            role_last_used(xml, role);
        }
        Detail::Policy(policy, versions) => {
            policy_fields(xml, policy);
            if let Some(text) = &policy.description {
                xml.text("Description", text);
            }
            xml.element("PolicyVersionList", |xml| {
                for version in versions {
                    xml.element("member", |xml| version_fields(xml, version, true));
                }
            });
        }
    }
}

impl Call<'_> {
    fn account_alias(&self) -> Result<&str, Failure> {
        Ok(self.form.required("AccountAlias", "accountAlias")?)
    }

    pub(super) async fn create_account_alias(&self) -> Result<Done, Failure> {
        let alias = self.account_alias()?;
        self.permit("*")?;
        self.iam.create_account_alias(self.account(), alias).await?;
        Ok(Done::nothing())
    }

    pub(super) async fn delete_account_alias(&self) -> Result<Done, Failure> {
        let alias = self.account_alias()?;
        self.permit("*")?;
        self.iam.delete_account_alias(self.account(), alias).await?;
        Ok(Done::nothing())
    }

    pub(super) async fn list_account_aliases(&self) -> Result<Done, Failure> {
        self.form.paging()?;
        self.permit("*")?;
        let account = self.iam.account(self.account()).await?;
        Ok(Done::result(|xml| {
            texts(
                xml,
                "AccountAliases",
                account.iter().filter_map(|account| account.alias.as_ref()),
            );
            page_end(xml, None);
        }))
    }

    pub(super) async fn get_account_summary(&self) -> Result<Done, Failure> {
        self.permit("*")?;
        let summary = self.iam.account_summary(self.account()).await?;
        Ok(Done::result(|xml| {
            xml.element("SummaryMap", |xml| {
                for (key, value) in &summary {
                    xml.element("entry", |xml| {
                        xml.text("key", key);
                        xml.text("value", &value.to_string());
                    });
                }
            });
        }))
    }

    pub(super) async fn generate_credential_report(&self) -> Result<Done, Failure> {
        self.permit("*")?;
        self.iam.generate_credential_report(self.account()).await?;
        Ok(Done::result(|xml| {
            xml.text("State", "COMPLETE");
        }))
    }

    pub(super) async fn get_credential_report(&self) -> Result<Done, Failure> {
        self.permit("*")?;
        let report = self.iam.credential_report(self.account()).await?;
        Ok(Done::result(|xml| {
            xml.text("Content", &STANDARD.encode(&report.csv));
            xml.text("ReportFormat", "text/csv");
            xml.time("GeneratedTime", report.generated);
        }))
    }

    pub(super) async fn get_account_authorization_details(&self) -> Result<Done, Failure> {
        let words = [
            ("User", DetailKind::User),
            ("Role", DetailKind::Role),
            ("Group", DetailKind::Group),
            ("LocalManagedPolicy", DetailKind::LocalPolicy),
            ("AWSManagedPolicy", DetailKind::AwsPolicy),
        ];
        let mut kinds = members(self.form, "Filter", "")
            .iter()
            .map(|word| chosen(word, "filter", &words))
            .collect::<Result<Vec<_>, _>>()?;
        if kinds.is_empty() {
            kinds.extend(DetailKind::ALL);
        }
        let paging = self.form.paging()?;
        self.permit("*")?;
        let page = self
            .iam
            .account_details(self.account(), &kinds, &paging)
            .await?;
        let list = |item: &Detail| match item {
            Detail::User(..) => "UserDetailList",
            Detail::Group(..) => "GroupDetailList",
            Detail::Role(..) => "RoleDetailList",
            Detail::Policy(..) => "Policies",
        };
        Ok(Done::result(|xml| {
            for element in [
                "UserDetailList",
                "GroupDetailList",
                "RoleDetailList",
                "Policies",
            ] {
                xml.element(element, |xml| {
                    for item in page.items.iter().filter(|item| list(item) == element) {
                        xml.element("member", |xml| detail(xml, item));
                    }
                });
            }
            page_end(xml, page.marker.as_deref());
        }))
    }
}
