//! Users.

use sealgate_iam::{EntityPath, Holder, NewUser, UserName, user_arn};
use sealgate_policy::Context;
use serde_json::json;

use super::authorize::{boundary, request_tags};
use super::shapes::{self, page_end, user_fields};
use super::{Call, Done, Failure};
use crate::query::xml::Xml;

fn user_element(xml: &mut Xml, user: &sealgate_iam::User) {
    xml.element("User", |xml| {
        user_fields(xml, user);
        shapes::boundary(xml, user.boundary.as_ref());
        shapes::tags(xml, &user.tags);
    });
}

impl Call<'_> {
    pub(super) async fn create_user(&self) -> Result<Done, Failure> {
        let new = NewUser {
            name: UserName::parse(self.form.required("UserName", "userName")?)?,
            path: self.path()?,
            boundary: self.boundary()?,
            tags: self.tags()?,
        };
        let mut context = Context::new();
        request_tags(&mut context, &new.tags);
        if let Some(arn) = &new.boundary {
            boundary(&mut context, arn.as_str());
        }
        let arn = user_arn(self.account(), new.path.as_str(), new.name.as_str());
        self.permit_with(&arn, &context)?;
        let user = self.iam.create_user(self.account(), &new).await?;
        let recorded = json!({ "user": {
            "path": user.path,
            "userName": user.name,
            "userId": user.id,
            "arn": user.arn(),
            "createDate": shapes::trail_time(user.created),
            "permissionsBoundary": shapes::recorded_boundary(user.boundary.as_ref()),
            "tags": shapes::recorded_tags(&user.tags),
        }});
        Ok(Done::result(|xml| user_element(xml, &user)).recorded(recorded))
    }

    pub(super) async fn get_user(&self) -> Result<Done, Failure> {
        let Some(name) = self.named_user_or_caller()? else {
            return self.get_root().await;
        };
        self.permit_holder(&Holder::User(name.clone()), |_| {})
            .await?;
        let user = self.iam.get_user(self.account(), &name).await?;
        let password_used = self.iam.password_last_used(self.account(), &name).await?;
        Ok(Done::result(|xml| {
            xml.element("User", |xml| {
                user_fields(xml, &user);
                if let Some(used) = password_used {
                    xml.time("PasswordLastUsed", used);
                }
                shapes::boundary(xml, user.boundary.as_ref());
                shapes::tags(xml, &user.tags);
            });
        }))
    }

    /// The root asking for itself: a user without name and path, as at AWS.
    async fn get_root(&self) -> Result<Done, Failure> {
        let principal = &self.caller.principal;
        self.permit(&principal.arn)?;
        let account = self.iam.account(self.account()).await?;
        Ok(Done::result(|xml| {
            xml.element("User", |xml| {
                xml.text("UserId", &principal.id);
                xml.text("Arn", &principal.arn);
                if let Some(account) = account {
                    xml.time("CreateDate", account.created);
                }
            });
        }))
    }

    pub(super) async fn list_users(&self) -> Result<Done, Failure> {
        let prefix = self.path_prefix()?;
        let paging = self.form.paging()?;
        self.permit(&format!("arn:aws:iam::{}:user{prefix}", self.account()))?;
        let page = self
            .iam
            .list_users(self.account(), &prefix, &paging)
            .await?;
        Ok(Done::result(|xml| {
            xml.element("Users", |xml| {
                for user in &page.items {
                    xml.element("member", |xml| user_fields(xml, user));
                }
            });
            page_end(xml, page.marker.as_deref());
        }))
    }

    pub(super) async fn update_user(&self) -> Result<Done, Failure> {
        let name = self.user_name()?;
        let new_name = self
            .form
            .get("NewUserName")
            .map(UserName::parse)
            .transpose()?;
        let new_path = self.new_path()?;
        self.permit_holder(&Holder::User(name.clone()), |_| {})
            .await?;
        let user = self.iam.get_user(self.account(), &name).await?;
        let path = new_path
            .as_ref()
            .map_or(user.path.as_str(), EntityPath::as_str);
        let target = new_name.as_ref().unwrap_or(&name);
        // Both the old and the new ARN must be the caller's to change.
        let mut context = Context::new();
        super::authorize::resource_tags(&mut context, &user.tags);
        self.permit_with(&user_arn(self.account(), path, target.as_str()), &context)?;
        self.iam
            .update_user(self.account(), &name, new_name.as_ref(), new_path.as_ref())
            .await?;
        Ok(Done::nothing())
    }

    pub(super) async fn delete_user(&self) -> Result<Done, Failure> {
        let name = self.user_name()?;
        self.permit_holder(&Holder::User(name.clone()), |_| {})
            .await?;
        self.iam.delete_user(self.account(), &name).await?;
        Ok(Done::nothing())
    }

    /// Lists what no user has here.
    pub(super) async fn list_nothing_of_user(&self, element: &str) -> Result<Done, Failure> {
        self.form.paging()?;
        match self.named_user_or_caller()? {
            Some(name) => {
                self.permit_holder(&Holder::User(name.clone()), |_| {})
                    .await?;
                self.iam.get_user(self.account(), &name).await?;
            }
            None => self.permit(&self.caller.principal.arn)?,
        }
        Ok(empty_list(element))
    }

    /// Lists what no account has here.
    pub(super) fn list_nothing(&self, element: &str) -> Result<Done, Failure> {
        self.form.paging()?;
        self.permit("*")?;
        Ok(empty_list(element))
    }
}

fn empty_list(element: &str) -> Done {
    Done::result(|xml| {
        xml.element(element, |_| {});
        page_end(xml, None);
    })
}
