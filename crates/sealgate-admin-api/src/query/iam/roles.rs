//! Roles.

use sealgate_iam::{Holder, NewRole, Role, RoleName, constraint, role_arn};
use sealgate_policy::Context;
use serde_json::json;

use super::authorize::{boundary, request_tags};
use super::shapes::{self, page_end, role_fields};
use super::{Call, Done, Failure};
use crate::query::xml::Xml;

fn role_element(xml: &mut Xml, role: &Role) {
    xml.element("Role", |xml| {
        role_fields(xml, role);
        shapes::boundary(xml, role.boundary.as_ref());
        shapes::tags(xml, &role.tags);
    });
}

impl Call<'_> {
    fn max_session_duration(&self) -> Result<Option<u32>, Failure> {
        let Some(text) = self.form.get("MaxSessionDuration") else {
            return Ok(None);
        };
        let seconds = text
            .parse()
            .map_err(|_| constraint("maxSessionDuration", text, "Member must be an integer"))?;
        Ok(Some(seconds))
    }

    /// The role that is named, if the caller may do this to it.
    async fn permitted_role(&self) -> Result<RoleName, Failure> {
        let name = self.role_name()?;
        self.permit_holder(&Holder::Role(name.clone()), |_| {})
            .await?;
        Ok(name)
    }

    pub(super) async fn create_role(&self) -> Result<Done, Failure> {
        let new = NewRole {
            name: RoleName::parse(self.form.required("RoleName", "roleName")?)?,
            path: self.path()?,
            trust_policy: self
                .form
                .required("AssumeRolePolicyDocument", "assumeRolePolicyDocument")?
                .to_owned(),
            description: self.form.get("Description").map(str::to_owned),
            max_session_duration: self.max_session_duration()?,
            boundary: self.boundary()?,
            tags: self.tags()?,
        };
        let mut context = Context::new();
        request_tags(&mut context, &new.tags);
        if let Some(arn) = &new.boundary {
            boundary(&mut context, arn.as_str());
        }
        let arn = role_arn(self.account(), new.path.as_str(), new.name.as_str());
        self.permit_with(&arn, &context)?;
        let role = self.iam.create_role(self.account(), &new).await?;
        let recorded = json!({ "role": {
            "path": role.path,
            "roleName": role.name,
            "roleId": role.id,
            "arn": role.arn(),
            "createDate": shapes::trail_time(role.created),
            "assumeRolePolicyDocument": role.trust_policy,
            "description": role.description,
            "maxSessionDuration": role.max_session_duration,
            "permissionsBoundary": shapes::recorded_boundary(role.boundary.as_ref()),
            "tags": shapes::recorded_tags(&role.tags),
        }});
        Ok(Done::result(|xml| role_element(xml, &role)).recorded(recorded))
    }

    pub(super) async fn get_role(&self) -> Result<Done, Failure> {
        let name = self.permitted_role().await?;
        let role = self.iam.get_role(self.account(), &name).await?;
        Ok(Done::result(|xml| {
            xml.element("Role", |xml| {
                role_fields(xml, &role);
                shapes::boundary(xml, role.boundary.as_ref());
                shapes::tags(xml, &role.tags);
                shapes::role_last_used(xml, &role);
            });
        }))
    }

    pub(super) async fn list_roles(&self) -> Result<Done, Failure> {
        let prefix = self.path_prefix()?;
        let paging = self.form.paging()?;
        self.permit(&format!("arn:aws:iam::{}:role{prefix}", self.account()))?;
        let page = self
            .iam
            .list_roles(self.account(), &prefix, &paging)
            .await?;
        Ok(Done::result(|xml| {
            xml.element("Roles", |xml| {
                for role in &page.items {
                    xml.element("member", |xml| role_fields(xml, role));
                }
            });
            page_end(xml, page.marker.as_deref());
        }))
    }

    pub(super) async fn update_role(&self) -> Result<Done, Failure> {
        let duration = self.max_session_duration()?;
        let name = self.permitted_role().await?;
        let description = self.form.get("Description");
        self.iam
            .update_role(self.account(), &name, description, duration)
            .await?;
        // The one change whose result is an empty structure.
        Ok(Done::result(|_| {}))
    }

    pub(super) async fn update_role_description(&self) -> Result<Done, Failure> {
        let description = self.form.required("Description", "description")?;
        let name = self.permitted_role().await?;
        let role = self
            .iam
            .update_role(self.account(), &name, Some(description), None)
            .await?;
        Ok(Done::result(|xml| role_element(xml, &role)))
    }

    pub(super) async fn update_assume_role_policy(&self) -> Result<Done, Failure> {
        let document = self.policy_document()?;
        let name = self.permitted_role().await?;
        self.iam
            .update_trust_policy(self.account(), &name, document)
            .await?;
        Ok(Done::nothing())
    }

    pub(super) async fn delete_role(&self) -> Result<Done, Failure> {
        let name = self.permitted_role().await?;
        self.iam.delete_role(self.account(), &name).await?;
        Ok(Done::nothing())
    }
}
