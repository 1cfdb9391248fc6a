//! IAM over the Query protocol.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html>

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sealgate_iam::{
    AccessKey, Iam, IamError, KeyOwner, KeyStatus, PolicyName, User, UserName, UserPath,
    parse_access_key_id, parse_path_prefix, user_arn,
};
use sealgate_policy::{Access, Authority, Caller, Context, Decision, PrincipalKind, authorize};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use super::Failure;
use super::form::Form;
use super::xml::Xml;

/// The namespace of the answers.
pub const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";

/// Parameters that the trail shows. None of them is secret; what is not named here is not shown.
const RECORDED: [(&str, &str); 11] = [
    ("UserName", "userName"),
    ("NewUserName", "newUserName"),
    ("Path", "path"),
    ("NewPath", "newPath"),
    ("PathPrefix", "pathPrefix"),
    ("PolicyName", "policyName"),
    ("PolicyDocument", "policyDocument"),
    ("AccessKeyId", "accessKeyId"),
    ("Status", "status"),
    ("Marker", "marker"),
    ("MaxItems", "maxItems"),
];

/// What RFC 3986 does not reserve stays readable in a URL-encoded policy document.
const DOCUMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The parameters as the trail shows them.
pub fn recorded_parameters(form: &Form) -> Value {
    let map: Map<String, Value> = RECORDED
        .iter()
        .filter_map(|(name, member)| Some(((*member).to_owned(), form.get(name)?.into())))
        .collect();
    if map.is_empty() {
        Value::Null
    } else {
        Value::Object(map)
    }
}

/// True for operations that change nothing.
pub fn is_read_only(operation: &str) -> bool {
    ["Get", "List", "Generate", "Simulate"]
        .iter()
        .any(|verb| operation.starts_with(verb))
}

/// What an operation answers, and what the trail keeps of it.
pub struct Done {
    /// The elements of the result; `None` for operations that have none.
    pub result: Option<Xml>,
    /// `responseElements`.
    pub recorded: Value,
}

impl Done {
    fn nothing() -> Done {
        Done {
            result: None,
            recorded: Value::Null,
        }
    }

    fn result(build: impl FnOnce(&mut Xml)) -> Done {
        let mut xml = Xml::new();
        build(&mut xml);
        Done {
            result: Some(xml),
            recorded: Value::Null,
        }
    }

    fn recorded(mut self, value: Value) -> Done {
        self.recorded = value;
        self
    }
}

/// One request.
pub struct Call<'a> {
    /// The identities.
    pub iam: &'a Iam,
    /// Who asks.
    pub caller: &'a Caller,
    /// The parameters.
    pub form: &'a Form,
}

impl Call<'_> {
    /// Runs the operation of this name, one of [`crate::operations::IAM`].
    pub async fn run(&self, operation: &str) -> Result<Done, Failure> {
        match operation {
            "CreateUser" => self.create_user().await,
            "GetUser" => self.get_user().await,
            "ListUsers" => self.list_users().await,
            "UpdateUser" => self.update_user().await,
            "DeleteUser" => self.delete_user().await,
            "CreateAccessKey" => self.create_access_key().await,
            "ListAccessKeys" => self.list_access_keys().await,
            "UpdateAccessKey" => self.update_access_key().await,
            "DeleteAccessKey" => self.delete_access_key().await,
            "GetAccessKeyLastUsed" => self.get_access_key_last_used().await,
            "PutUserPolicy" => self.put_user_policy().await,
            "GetUserPolicy" => self.get_user_policy().await,
            "ListUserPolicies" => self.list_user_policies().await,
            "DeleteUserPolicy" => self.delete_user_policy().await,
            other => Err(Failure::not_implemented("IAM", other)),
        }
    }

    fn account(&self) -> &str {
        &self.caller.principal.account_id
    }

    fn permit(&self, action: &str, resource: &str) -> Result<(), Failure> {
        let decision = authorize(&Access {
            caller: self.caller,
            action,
            resource,
            resource_account: self.account(),
            context: &Context::new(),
            resource_policy: None,
            authority: Authority::Account,
        });
        match decision {
            Decision::Allowed => Ok(()),
            Decision::Denied(denial) => Err(Failure::access_denied(denial.message())),
        }
    }

    /// The ARN of a user; of one that does not exist, as if it had the path `/` (whether it exists
    /// is told only to those who may ask).
    async fn arn_of(&self, name: &UserName) -> Result<String, Failure> {
        match self.iam.get_user(self.account(), name).await {
            Ok(user) => Ok(user.arn()),
            Err(IamError::NoSuchEntity(_)) => Ok(user_arn(self.account(), "/", name.as_str())),
            Err(error) => Err(error.into()),
        }
    }

    async fn permit_on(&self, action: &str, name: &UserName) -> Result<(), Failure> {
        let arn = self.arn_of(name).await?;
        self.permit(action, &arn)
    }

    fn user_name(&self) -> Result<UserName, Failure> {
        Ok(UserName::parse_existing(
            self.form.required("UserName", "userName")?,
        )?)
    }

    /// The owner of the keys that are meant: the user named, or the caller.
    fn owner(&self) -> Result<KeyOwner, Failure> {
        match (self.form.get("UserName"), &self.caller.principal.kind) {
            (Some(name), _) => Ok(KeyOwner::User(UserName::parse_existing(name)?)),
            (None, PrincipalKind::User { name }) => {
                Ok(KeyOwner::User(UserName::parse_existing(name)?))
            }
            (None, PrincipalKind::Root) => Ok(KeyOwner::Root),
            (None, _) => Err(IamError::Validation(
                "Must specify userName when calling with non-User credentials".into(),
            )
            .into()),
        }
    }

    async fn permit_owner(&self, action: &str, owner: &KeyOwner) -> Result<(), Failure> {
        match owner {
            KeyOwner::User(name) => self.permit_on(action, name).await,
            KeyOwner::Root => self.permit(action, &format!("arn:aws:iam::{}:root", self.account())),
        }
    }

    async fn create_user(&self) -> Result<Done, Failure> {
        let name = UserName::parse(self.form.required("UserName", "userName")?)?;
        let path = match self.form.get("Path") {
            Some(path) => UserPath::parse(path)?,
            None => UserPath::root(),
        };
        // A boundary limits what the user may do: left out silently, it would allow too much.
        if self.form.get("PermissionsBoundary").is_some() {
            return Err(Failure::unsupported(
                "Permissions boundaries are not implemented by Sealgate yet.",
            ));
        }
        if self.form.has_prefix("Tags.") {
            return Err(Failure::unsupported(
                "Tags of users are not implemented by Sealgate yet.",
            ));
        }
        self.permit(
            "iam:CreateUser",
            &user_arn(self.account(), path.as_str(), name.as_str()),
        )?;
        let user = self.iam.create_user(self.account(), &name, &path).await?;
        let recorded = json!({ "user": {
            "path": user.path,
            "userName": user.name,
            "userId": user.id,
            "arn": user.arn(),
            "createDate": trail_time(user.created),
        }});
        Ok(Done::result(|xml| user_element(xml, "User", &user)).recorded(recorded))
    }

    async fn get_user(&self) -> Result<Done, Failure> {
        let name = match (self.form.get("UserName"), &self.caller.principal.kind) {
            (Some(name), _) => UserName::parse_existing(name)?,
            (None, PrincipalKind::User { name }) => UserName::parse_existing(name)?,
            (None, PrincipalKind::Root) => return self.get_root().await,
            (None, _) => {
                return Err(IamError::Validation(
                    "Must specify userName when calling with non-User credentials".into(),
                )
                .into());
            }
        };
        self.permit_on("iam:GetUser", &name).await?;
        let user = self.iam.get_user(self.account(), &name).await?;
        Ok(Done::result(|xml| user_element(xml, "User", &user)))
    }

    /// The root asking for itself: a user without name and path, as at AWS.
    async fn get_root(&self) -> Result<Done, Failure> {
        let principal = &self.caller.principal;
        self.permit("iam:GetUser", &principal.arn)?;
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

    async fn list_users(&self) -> Result<Done, Failure> {
        let prefix = parse_path_prefix(self.form.get("PathPrefix").unwrap_or("/"))?;
        let paging = self.form.paging()?;
        self.permit(
            "iam:ListUsers",
            &format!("arn:aws:iam::{}:user{prefix}", self.account()),
        )?;
        let page = self
            .iam
            .list_users(self.account(), &prefix, &paging)
            .await?;
        Ok(Done::result(|xml| {
            xml.element("Users", |xml| {
                for user in &page.items {
                    user_element(xml, "member", user);
                }
            });
            page_end(xml, page.marker.as_deref());
        }))
    }

    async fn update_user(&self) -> Result<Done, Failure> {
        let name = self.user_name()?;
        let new_name = self
            .form
            .get("NewUserName")
            .map(UserName::parse)
            .transpose()?;
        let new_path = self.form.get("NewPath").map(UserPath::parse).transpose()?;
        self.permit_on("iam:UpdateUser", &name).await?;
        let user = self.iam.get_user(self.account(), &name).await?;
        let path = new_path
            .as_ref()
            .map_or(user.path.as_str(), UserPath::as_str);
        let target = new_name.as_ref().unwrap_or(&name);
        // Both the old and the new ARN must be the caller's to change.
        self.permit(
            "iam:UpdateUser",
            &user_arn(self.account(), path, target.as_str()),
        )?;
        self.iam
            .update_user(self.account(), &name, new_name.as_ref(), new_path.as_ref())
            .await?;
        Ok(Done::nothing())
    }

    async fn delete_user(&self) -> Result<Done, Failure> {
        let name = self.user_name()?;
        self.permit_on("iam:DeleteUser", &name).await?;
        self.iam.delete_user(self.account(), &name).await?;
        Ok(Done::nothing())
    }

    async fn create_access_key(&self) -> Result<Done, Failure> {
        let owner = self.owner()?;
        self.permit_owner("iam:CreateAccessKey", &owner).await?;
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

    async fn list_access_keys(&self) -> Result<Done, Failure> {
        let owner = self.owner()?;
        let paging = self.form.paging()?;
        self.permit_owner("iam:ListAccessKeys", &owner).await?;
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

    async fn update_access_key(&self) -> Result<Done, Failure> {
        let owner = self.owner()?;
        let id = self.access_key_id()?;
        let status = KeyStatus::parse(self.form.required("Status", "status")?)?;
        self.permit_owner("iam:UpdateAccessKey", &owner).await?;
        self.iam
            .update_access_key(self.account(), &owner, &id, status)
            .await?;
        Ok(Done::nothing())
    }

    async fn delete_access_key(&self) -> Result<Done, Failure> {
        let owner = self.owner()?;
        let id = self.access_key_id()?;
        self.permit_owner("iam:DeleteAccessKey", &owner).await?;
        self.iam
            .delete_access_key(self.account(), &owner, &id)
            .await?;
        Ok(Done::nothing())
    }

    async fn get_access_key_last_used(&self) -> Result<Done, Failure> {
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
        self.permit_owner("iam:GetAccessKeyLastUsed", &owner_of(&key)?)
            .await?;
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

    fn access_key_id(&self) -> Result<String, Failure> {
        Ok(parse_access_key_id(
            self.form.required("AccessKeyId", "accessKeyId")?,
        )?)
    }

    fn policy_name(&self) -> Result<PolicyName, Failure> {
        Ok(PolicyName::parse(
            self.form.required("PolicyName", "policyName")?,
        )?)
    }

    async fn put_user_policy(&self) -> Result<Done, Failure> {
        let name = self.user_name()?;
        let policy = self.policy_name()?;
        let document = self.form.required("PolicyDocument", "policyDocument")?;
        self.permit_on("iam:PutUserPolicy", &name).await?;
        self.iam
            .put_user_policy(self.account(), &name, &policy, document)
            .await?;
        Ok(Done::nothing())
    }

    async fn get_user_policy(&self) -> Result<Done, Failure> {
        let name = self.user_name()?;
        let policy = self.policy_name()?;
        self.permit_on("iam:GetUserPolicy", &name).await?;
        let document = self
            .iam
            .get_user_policy(self.account(), &name, &policy)
            .await?;
        Ok(Done::result(|xml| {
            xml.text("UserName", name.as_str());
            xml.text("PolicyName", policy.as_str());
            // URL-encoded, as the API documents; the SDKs decode it.
            xml.text(
                "PolicyDocument",
                &utf8_percent_encode(&document, DOCUMENT).to_string(),
            );
        }))
    }

    async fn list_user_policies(&self) -> Result<Done, Failure> {
        let name = self.user_name()?;
        let paging = self.form.paging()?;
        self.permit_on("iam:ListUserPolicies", &name).await?;
        let page = self
            .iam
            .list_user_policies(self.account(), &name, &paging)
            .await?;
        Ok(Done::result(|xml| {
            xml.element("PolicyNames", |xml| {
                for policy in &page.items {
                    xml.text("member", policy);
                }
            });
            page_end(xml, page.marker.as_deref());
        }))
    }

    async fn delete_user_policy(&self) -> Result<Done, Failure> {
        let name = self.user_name()?;
        let policy = self.policy_name()?;
        self.permit_on("iam:DeleteUserPolicy", &name).await?;
        self.iam
            .delete_user_policy(self.account(), &name, &policy)
            .await?;
        Ok(Done::nothing())
    }
}

fn owner_of(key: &AccessKey) -> Result<KeyOwner, Failure> {
    match &key.user_name {
        Some(name) => Ok(KeyOwner::User(UserName::parse_existing(name)?)),
        None => Ok(KeyOwner::Root),
    }
}

fn user_element(xml: &mut Xml, element: &str, user: &User) {
    xml.element(element, |xml| {
        xml.text("Path", &user.path);
        xml.text("UserName", &user.name);
        xml.text("UserId", &user.id);
        xml.text("Arn", &user.arn());
        xml.time("CreateDate", user.created);
    });
}

fn page_end(xml: &mut Xml, marker: Option<&str>) {
    xml.text(
        "IsTruncated",
        if marker.is_some() { "true" } else { "false" },
    );
    if let Some(marker) = marker {
        xml.text("Marker", marker);
    }
}

/// A time in the form that CloudTrail shows in elements of IAM: `Nov 3, 2026 9:05:07 PM`.
fn trail_time(time: OffsetDateTime) -> String {
    time.format(format_description!(
        "[month repr:short] [day padding:none], [year] [hour repr:12 padding:none]:[minute]:[second] [period]"
    ))
    .unwrap_or_default()
}
