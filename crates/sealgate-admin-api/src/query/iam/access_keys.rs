//! Access keys.

use sealgate_iam::{AccessKey, Holder, KeyOwner, KeyStatus, UserName, parse_access_key_id};
use serde_json::json;

use super::shapes::{page_end, trail_time};
use super::{Call, Done, Failure};

fn owner_of(key: &AccessKey) -> Result<KeyOwner, Failure> {
    match &key.user_name {
        Some(name) => Ok(KeyOwner::User(UserName::parse_existing(name)?)),
        None => Ok(KeyOwner::Root),
    }
}

impl Call<'_> {
    fn access_key_id(&self) -> Result<String, Failure> {
        Ok(parse_access_key_id(
            self.form.required("AccessKeyId", "accessKeyId")?,
        )?)
    }

    async fn permit_owner(&self, owner: &KeyOwner) -> Result<(), Failure> {
        match owner {
            KeyOwner::User(name) => self
                .permit_holder(&Holder::User(name.clone()), |_| {})
                .await
                .map(drop),
            KeyOwner::Root => self.permit(&format!("arn:aws:iam::{}:root", self.account())),
        }
    }

    pub(super) async fn create_access_key(&self) -> Result<Done, Failure> {
        let owner = self.owner()?;
        self.permit_owner(&owner).await?;
        let new = self.iam.create_access_key(self.account(), &owner).await?;
        let recorded = json!({ "accessKey": {
            "userName": new.key.user_name,
            "accessKeyId": new.key.id,
            "status": new.key.status.as_str(),
            "createDate": trail_time(new.key.created),
        }});
        let done = Done::result(|xml| {
            xml.element("AccessKey", |xml| {
                // SDKs expect the name here, also for the root, which has none.
                xml.text("UserName", new.key.user_name.as_deref().unwrap_or_default());
                xml.text("AccessKeyId", &new.key.id);
                xml.text("Status", new.key.status.as_str());
                xml.text("SecretAccessKey", new.secret.expose());
                xml.time("CreateDate", new.key.created);
            });
        });
        Ok(done.recorded(recorded))
    }

    pub(super) async fn list_access_keys(&self) -> Result<Done, Failure> {
        let owner = self.owner()?;
        let paging = self.form.paging()?;
        self.permit_owner(&owner).await?;
        let page = self
            .iam
            .list_access_keys(self.account(), &owner, &paging)
            .await?;
        Ok(Done::result(|xml| {
            xml.element("AccessKeyMetadata", |xml| {
                for key in &page.items {
                    xml.element("member", |xml| {
                        if let Some(name) = &key.user_name {
                            xml.text("UserName", name);
                        }
                        xml.text("AccessKeyId", &key.id);
                        xml.text("Status", key.status.as_str());
                        xml.time("CreateDate", key.created);
                    });
                }
            });
            page_end(xml, page.marker.as_deref());
        }))
    }

    pub(super) async fn update_access_key(&self) -> Result<Done, Failure> {
        let owner = self.owner()?;
        let id = self.access_key_id()?;
        let status = KeyStatus::parse(self.form.required("Status", "status")?)?;
        self.permit_owner(&owner).await?;
        self.iam
            .update_access_key(self.account(), &owner, &id, status)
            .await?;
        Ok(Done::nothing())
    }

    pub(super) async fn delete_access_key(&self) -> Result<Done, Failure> {
        let owner = self.owner()?;
        let id = self.access_key_id()?;
        self.permit_owner(&owner).await?;
        self.iam
            .delete_access_key(self.account(), &owner, &id)
            .await?;
        Ok(Done::nothing())
    }

    pub(super) async fn get_access_key_last_used(&self) -> Result<Done, Failure> {
        let id = self.access_key_id()?;
        // Keys that do not exist and keys of other accounts get the same answer.
        let found = self
            .iam
            .access_key(&id)
            .await?
            .filter(|(key, _)| key.account_id == self.account());
        let Some((key, last_used)) = found else {
            return Err(Failure::access_denied(format!(
                "User: {} is not authorized to perform: iam:GetAccessKeyLastUsed on resource: access key {id}",
                self.caller.principal.arn
            )));
        };
        self.permit_owner(&owner_of(&key)?).await?;
        Ok(Done::result(|xml| {
            if let Some(name) = &key.user_name {
                xml.text("UserName", name);
            }
            xml.element("AccessKeyLastUsed", |xml| {
                if let Some(used) = &last_used {
                    xml.time("LastUsedDate", used.time);
                }
                xml.text(
                    "ServiceName",
                    last_used.as_ref().map_or("N/A", |used| &used.service),
                );
                xml.text(
                    "Region",
                    last_used.as_ref().map_or("N/A", |used| &used.region),
                );
            });
        }))
    }
}
