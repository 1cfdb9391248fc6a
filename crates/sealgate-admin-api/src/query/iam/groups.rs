//! Groups and their members.

use sealgate_iam::{EntityPath, Group, GroupName, Holder, group_arn};
use serde_json::json;

use super::shapes::{self, group_fields, page_end, user_fields};
use super::{Call, Done, Failure};
use crate::query::xml::Xml;

fn groups(xml: &mut Xml, groups: &[Group]) {
    xml.element("Groups", |xml| {
        for group in groups {
            xml.element("member", |xml| group_fields(xml, group));
        }
    });
}

impl Call<'_> {
    /// The group that is named, if the caller may do this to it.
    async fn permitted_group(&self) -> Result<GroupName, Failure> {
        let name = self.group_name()?;
        self.permit_holder(&Holder::Group(name.clone()), |_| {})
            .await?;
        Ok(name)
    }

    pub(super) async fn create_group(&self) -> Result<Done, Failure> {
        let name = GroupName::parse(self.form.required("GroupName", "groupName")?)?;
        let path = self.path()?;
        self.permit(&group_arn(self.account(), path.as_str(), name.as_str()))?;
        let group = self.iam.create_group(self.account(), &name, &path).await?;
        let recorded = json!({ "group": {
            "path": group.path,
            "groupName": group.name,
            "groupId": group.id,
            "arn": group.arn(),
            "createDate": shapes::trail_time(group.created),
        }});
        let done = Done::result(|xml| {
            xml.element("Group", |xml| group_fields(xml, &group));
        });
        Ok(done.recorded(recorded))
    }

    pub(super) async fn get_group(&self) -> Result<Done, Failure> {
        let paging = self.form.paging()?;
        let name = self.permitted_group().await?;
        let group = self.iam.get_group(self.account(), &name).await?;
        let page = self
            .iam
            .group_members(self.account(), &name, &paging)
            .await?;
        Ok(Done::result(|xml| {
            xml.element("Group", |xml| group_fields(xml, &group));
            xml.element("Users", |xml| {
                for user in &page.items {
                    xml.element("member", |xml| user_fields(xml, user));
                }
            });
            page_end(xml, page.marker.as_deref());
        }))
    }

    pub(super) async fn list_groups(&self) -> Result<Done, Failure> {
        let prefix = self.path_prefix()?;
        let paging = self.form.paging()?;
        self.permit(&format!("arn:aws:iam::{}:group{prefix}", self.account()))?;
        let page = self
            .iam
            .list_groups(self.account(), &prefix, &paging)
            .await?;
        Ok(Done::result(|xml| {
            groups(xml, &page.items);
            page_end(xml, page.marker.as_deref());
        }))
    }

    pub(super) async fn update_group(&self) -> Result<Done, Failure> {
        let new_name = self
            .form
            .get("NewGroupName")
            .map(GroupName::parse)
            .transpose()?;
        let new_path = self.new_path()?;
        let name = self.permitted_group().await?;
        let group = self.iam.get_group(self.account(), &name).await?;
        let path = new_path
            .as_ref()
            .map_or(group.path.as_str(), EntityPath::as_str);
        let target = new_name.as_ref().unwrap_or(&name);
        // Both the old and the new ARN must be the caller's to change.
        self.permit(&group_arn(self.account(), path, target.as_str()))?;
        self.iam
            .update_group(self.account(), &name, new_name.as_ref(), new_path.as_ref())
            .await?;
        Ok(Done::nothing())
    }

    pub(super) async fn delete_group(&self) -> Result<Done, Failure> {
        let name = self.permitted_group().await?;
        self.iam.delete_group(self.account(), &name).await?;
        Ok(Done::nothing())
    }

    pub(super) async fn add_user_to_group(&self) -> Result<Done, Failure> {
        let user = self.user_name()?;
        let group = self.permitted_group().await?;
        self.iam
            .add_user_to_group(self.account(), &group, &user)
            .await?;
        Ok(Done::nothing())
    }

    pub(super) async fn remove_user_from_group(&self) -> Result<Done, Failure> {
        let user = self.user_name()?;
        let group = self.permitted_group().await?;
        self.iam
            .remove_user_from_group(self.account(), &group, &user)
            .await?;
        Ok(Done::nothing())
    }

    pub(super) async fn list_groups_for_user(&self) -> Result<Done, Failure> {
        let name = self.user_name()?;
        let paging = self.form.paging()?;
        self.permit_holder(&Holder::User(name.clone()), |_| {})
            .await?;
        let page = self
            .iam
            .groups_of_user(self.account(), &name, &paging)
            .await?;
        Ok(Done::result(|xml| {
            groups(xml, &page.items);
            page_end(xml, page.marker.as_deref());
        }))
    }
}
