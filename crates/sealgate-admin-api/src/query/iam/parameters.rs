//! Parameters of IAM out of the form, and what the trail shows of them.

use sealgate_iam::{
    EntityPath, GroupName, Holder, HolderKind, IamError, KeyOwner, PolicyArn, PolicyName, RoleName,
    Tags, UserName, constraint, parse_path_prefix, parse_tags,
};
use sealgate_policy::PrincipalKind;
use serde_json::{Map, Value};

use super::{Call, Failure};
use crate::query::form::Form;

/// Parameters that the trail shows, by the first part of their names. None of them is secret; what is
/// not named here is not shown.
const RECORDED: [&str; 51] = [
    "UserName",
    "NewUserName",
    "GroupName",
    "NewGroupName",
    "RoleName",
    "Path",
    "NewPath",
    "PathPrefix",
    "PolicyName",
    "PolicyDocument",
    "PolicyArn",
    "AssumeRolePolicyDocument",
    "PermissionsBoundary",
    "Description",
    "MaxSessionDuration",
    "VersionId",
    "SetAsDefault",
    "Scope",
    "OnlyAttached",
    "PolicyUsageFilter",
    "EntityFilter",
    "Filter",
    "AccessKeyId",
    "Status",
    "AccountAlias",
    "Tags",
    "TagKeys",
    "Url",
    "ClientIDList",
    "ClientID",
    "ThumbprintList",
    "OpenIDConnectProviderArn",
    "SAMLProviderArn",
    "Name",
    "PolicySourceArn",
    "ActionNames",
    "Marker",
    "PasswordResetRequired",
    "SerialNumber",
    "VirtualMFADeviceName",
    "AssignmentStatus",
    "MinimumPasswordLength",
    "RequireSymbols",
    "RequireNumbers",
    "RequireUppercaseCharacters",
    "RequireLowercaseCharacters",
    "AllowUsersToChangePassword",
    "MaxPasswordAge",
    "PasswordReusePrevention",
    "HardExpiry",
    "MaxItems",
];
/// Members of a list that are read: more than any list of IAM may have.
const MAX_MEMBERS: usize = 1000;

/// The parameters as the trail shows them: structures and lists as such, names as CloudTrail writes
/// them.
pub fn recorded_parameters(form: &Form) -> Value {
    let mut map = Map::new();
    for name in RECORDED {
        let value = match form.get(name) {
            Some(text) => Value::from(text),
            None if form.has_prefix(&format!("{name}.member.")) => recorded_list(form, name),
            None => continue,
        };
        map.insert(lower_first(name), value);
    }
    if map.is_empty() {
        Value::Null
    } else {
        Value::Object(map)
    }
}

fn recorded_list(form: &Form, name: &str) -> Value {
    let texts = members(form, name, "");
    if !texts.is_empty() {
        return Value::from(texts);
    }
    pairs(form, name)
        .into_iter()
        .map(|(key, value)| serde_json::json!({ "key": key, "value": value }))
        .collect()
}

fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_ascii_lowercase().to_string() + chars.as_str()
    })
}

/// `NAME.member.1SUFFIX`, `NAME.member.2SUFFIX`, …
pub fn members(form: &Form, name: &str, suffix: &str) -> Vec<String> {
    (1..=MAX_MEMBERS)
        .map_while(|at| form.get(&format!("{name}.member.{at}{suffix}")))
        .map(str::to_owned)
        .collect()
}

fn pairs(form: &Form, name: &str) -> Vec<(String, String)> {
    (1..=MAX_MEMBERS)
        .map_while(|at| {
            let key = form.get(&format!("{name}.member.{at}.Key"))?;
            let value = form
                .get(&format!("{name}.member.{at}.Value"))
                .unwrap_or_default();
            Some((key.to_owned(), value.to_owned()))
        })
        .collect()
}

/// A flag that is false where it is not given.
pub fn flag(form: &Form, name: &str, member: &str) -> Result<bool, IamError> {
    match form.get(name) {
        None => Ok(false),
        Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(text) => Err(constraint(member, text, "Member must be a boolean")),
    }
}

/// One of these words.
pub fn choice<T: Copy>(
    form: &Form,
    name: &str,
    member: &str,
    words: &[(&str, T)],
) -> Result<Option<T>, IamError> {
    let Some(text) = form.get(name) else {
        return Ok(None);
    };
    chosen(text, member, words).map(Some)
}

/// The meaning of one of these words.
pub fn chosen<T: Copy>(text: &str, member: &str, words: &[(&str, T)]) -> Result<T, IamError> {
    words
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            constraint(
                member,
                text,
                &format!("Member must satisfy enum value set: [{}]", words.join(", ")),
            )
        })
}

impl Call<'_> {
    pub(super) fn user_name(&self) -> Result<UserName, Failure> {
        Ok(UserName::parse_existing(
            self.form.required("UserName", "userName")?,
        )?)
    }

    pub(super) fn group_name(&self) -> Result<GroupName, Failure> {
        Ok(GroupName::parse_existing(
            self.form.required("GroupName", "groupName")?,
        )?)
    }

    pub(super) fn role_name(&self) -> Result<RoleName, Failure> {
        Ok(RoleName::parse_existing(
            self.form.required("RoleName", "roleName")?,
        )?)
    }

    pub(super) fn holder(&self, kind: HolderKind) -> Result<Holder, Failure> {
        Ok(match kind {
            HolderKind::User => Holder::User(self.user_name()?),
            HolderKind::Group => Holder::Group(self.group_name()?),
            HolderKind::Role => Holder::Role(self.role_name()?),
        })
    }

    /// The user that is named, or who calls; `None` for the root itself.
    pub(super) fn named_user_or_caller(&self) -> Result<Option<UserName>, Failure> {
        match (self.form.get("UserName"), &self.caller.principal.kind) {
            (Some(name), _) => Ok(Some(UserName::parse_existing(name)?)),
            (None, PrincipalKind::User { name }) => Ok(Some(UserName::parse_existing(name)?)),
            (None, PrincipalKind::Root) => Ok(None),
            (None, _) => Err(IamError::Validation(
                "Must specify userName when calling with non-User credentials".into(),
            )
            .into()),
        }
    }

    /// The owner of the keys that are meant: the user named, or the caller.
    pub(super) fn owner(&self) -> Result<KeyOwner, Failure> {
        Ok(self
            .named_user_or_caller()?
            .map_or(KeyOwner::Root, KeyOwner::User))
    }

    pub(super) fn policy_name(&self) -> Result<PolicyName, Failure> {
        Ok(PolicyName::parse(
            self.form.required("PolicyName", "policyName")?,
        )?)
    }

    pub(super) fn policy_arn(&self) -> Result<PolicyArn, Failure> {
        Ok(PolicyArn::parse(
            self.form.required("PolicyArn", "policyArn")?,
        )?)
    }

    pub(super) fn policy_document(&self) -> Result<&str, Failure> {
        Ok(self.form.required("PolicyDocument", "policyDocument")?)
    }

    pub(super) fn path(&self) -> Result<EntityPath, Failure> {
        match self.form.get("Path") {
            Some(path) => Ok(EntityPath::parse(path)?),
            None => Ok(EntityPath::root()),
        }
    }

    pub(super) fn new_path(&self) -> Result<Option<EntityPath>, Failure> {
        Ok(self
            .form
            .get("NewPath")
            .map(EntityPath::parse)
            .transpose()?)
    }

    pub(super) fn path_prefix(&self) -> Result<String, Failure> {
        Ok(parse_path_prefix(
            self.form.get("PathPrefix").unwrap_or("/"),
        )?)
    }

    pub(super) fn boundary(&self) -> Result<Option<PolicyArn>, Failure> {
        Ok(self
            .form
            .get("PermissionsBoundary")
            .map(PolicyArn::parse)
            .transpose()?)
    }

    pub(super) fn tags(&self) -> Result<Tags, Failure> {
        Ok(parse_tags(pairs(self.form, "Tags"))?)
    }
}
