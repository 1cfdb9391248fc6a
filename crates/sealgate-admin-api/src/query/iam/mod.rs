//! IAM over the Query protocol: what is asked for, may it be, do it, and answer.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html>
//!
//! An operation's name is also the action that policies allow: `iam:CreateUser`.

mod access_keys;
mod account;
mod authorize;
mod groups;
mod holders;
mod mfa;
mod parameters;
mod passwords;
mod policies;
mod providers;
mod roles;
mod shapes;
mod simulate;
mod tags;
mod users;

use sealgate_iam::{HolderKind, Iam};
use sealgate_policy::Caller;
use serde_json::Value;

use super::Failure;
use super::form::Form;
use super::xml::Xml;
pub use parameters::recorded_parameters;
use tags::TaggableKind;

/// The namespace of the answers.
pub const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";
/// The version of the API.
pub const VERSION: &str = "2010-05-08";

/// True for operations that change nothing.
pub fn is_read_only(operation: &str) -> bool {
    ["Get", "List", "Generate", "Simulate"]
        .iter()
        .any(|verb| operation.starts_with(verb))
}

/// True for operations with a secret in the request or the answer.
pub fn carries_secrets(operation: &str) -> bool {
    matches!(
        operation,
        "CreateAccessKey"
            | "CreateLoginProfile"
            | "UpdateLoginProfile"
            | "ChangePassword"
            | "CreateVirtualMFADevice"
    )
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
    /// What is asked for: one of [`crate::operations::IAM`].
    pub operation: &'static str,
}

impl Call<'_> {
    /// Runs the operation.
    pub async fn run(&self) -> Result<Done, Failure> {
        use HolderKind::{Group, Role, User};
        match self.operation {
            "CreateUser" => self.create_user().await,
            "GetUser" => self.get_user().await,
            "ListUsers" => self.list_users().await,
            "UpdateUser" => self.update_user().await,
            "DeleteUser" => self.delete_user().await,
            "CreateLoginProfile" => self.create_login_profile().await,
            "GetLoginProfile" => self.get_login_profile().await,
            "UpdateLoginProfile" => self.update_login_profile().await,
            "DeleteLoginProfile" => self.delete_login_profile().await,
            "ChangePassword" => self.change_password().await,

            "CreateVirtualMFADevice" => self.create_virtual_mfa_device().await,
            "DeleteVirtualMFADevice" => self.delete_virtual_mfa_device().await,
            "EnableMFADevice" => self.enable_mfa_device().await,
            "ResyncMFADevice" => self.resync_mfa_device().await,
            "DeactivateMFADevice" => self.deactivate_mfa_device().await,
            "GetMFADevice" => self.get_mfa_device().await,
            "ListMFADevices" => self.list_mfa_devices().await,
            "ListVirtualMFADevices" => self.list_virtual_mfa_devices().await,

            "CreateAccessKey" => self.create_access_key().await,
            "ListAccessKeys" => self.list_access_keys().await,
            "UpdateAccessKey" => self.update_access_key().await,
            "DeleteAccessKey" => self.delete_access_key().await,
            "GetAccessKeyLastUsed" => self.get_access_key_last_used().await,
            "ListSSHPublicKeys" => self.list_nothing_of_user("SSHPublicKeys").await,
            "ListSigningCertificates" => self.list_nothing_of_user("Certificates").await,
            "ListServiceSpecificCredentials" => {
                self.list_nothing_of_user("ServiceSpecificCredentials")
                    .await
            }

            "CreateGroup" => self.create_group().await,
            "GetGroup" => self.get_group().await,
            "ListGroups" => self.list_groups().await,
            "UpdateGroup" => self.update_group().await,
            "DeleteGroup" => self.delete_group().await,
            "AddUserToGroup" => self.add_user_to_group().await,
            "RemoveUserFromGroup" => self.remove_user_from_group().await,
            "ListGroupsForUser" => self.list_groups_for_user().await,

            "CreateRole" => self.create_role().await,
            "GetRole" => self.get_role().await,
            "ListRoles" => self.list_roles().await,
            "UpdateRole" => self.update_role().await,
            "UpdateRoleDescription" => self.update_role_description().await,
            "UpdateAssumeRolePolicy" => self.update_assume_role_policy().await,
            "DeleteRole" => self.delete_role().await,

            "PutUserPolicy" => self.put_inline_policy(User).await,
            "PutGroupPolicy" => self.put_inline_policy(Group).await,
            "PutRolePolicy" => self.put_inline_policy(Role).await,
            "GetUserPolicy" => self.get_inline_policy(User).await,
            "GetGroupPolicy" => self.get_inline_policy(Group).await,
            "GetRolePolicy" => self.get_inline_policy(Role).await,
            "ListUserPolicies" => self.list_inline_policies(User).await,
            "ListGroupPolicies" => self.list_inline_policies(Group).await,
            "ListRolePolicies" => self.list_inline_policies(Role).await,
            "DeleteUserPolicy" => self.delete_inline_policy(User).await,
            "DeleteGroupPolicy" => self.delete_inline_policy(Group).await,
            "DeleteRolePolicy" => self.delete_inline_policy(Role).await,
            "AttachUserPolicy" => self.attach_policy(User).await,
            "AttachGroupPolicy" => self.attach_policy(Group).await,
            "AttachRolePolicy" => self.attach_policy(Role).await,
            "DetachUserPolicy" => self.detach_policy(User).await,
            "DetachGroupPolicy" => self.detach_policy(Group).await,
            "DetachRolePolicy" => self.detach_policy(Role).await,
            "ListAttachedUserPolicies" => self.list_attached_policies(User).await,
            "ListAttachedGroupPolicies" => self.list_attached_policies(Group).await,
            "ListAttachedRolePolicies" => self.list_attached_policies(Role).await,
            "PutUserPermissionsBoundary" => self.put_boundary(User).await,
            "PutRolePermissionsBoundary" => self.put_boundary(Role).await,
            "DeleteUserPermissionsBoundary" => self.delete_boundary(User).await,
            "DeleteRolePermissionsBoundary" => self.delete_boundary(Role).await,

            "CreatePolicy" => self.create_policy().await,
            "GetPolicy" => self.get_policy().await,
            "ListPolicies" => self.list_policies().await,
            "DeletePolicy" => self.delete_policy().await,
            "CreatePolicyVersion" => self.create_policy_version().await,
            "GetPolicyVersion" => self.get_policy_version().await,
            "ListPolicyVersions" => self.list_policy_versions().await,
            "SetDefaultPolicyVersion" => self.set_default_policy_version().await,
            "DeletePolicyVersion" => self.delete_policy_version().await,
            "ListEntitiesForPolicy" => self.list_entities_for_policy().await,

            "TagUser" => self.tag(TaggableKind::User).await,
            "TagRole" => self.tag(TaggableKind::Role).await,
            "TagPolicy" => self.tag(TaggableKind::Policy).await,
            "TagOpenIDConnectProvider" => self.tag(TaggableKind::Oidc).await,
            "TagSAMLProvider" => self.tag(TaggableKind::Saml).await,
            "UntagUser" => self.untag(TaggableKind::User).await,
            "UntagRole" => self.untag(TaggableKind::Role).await,
            "UntagPolicy" => self.untag(TaggableKind::Policy).await,
            "UntagOpenIDConnectProvider" => self.untag(TaggableKind::Oidc).await,
            "UntagSAMLProvider" => self.untag(TaggableKind::Saml).await,
            "ListUserTags" => self.list_tags(TaggableKind::User).await,
            "ListRoleTags" => self.list_tags(TaggableKind::Role).await,
            "ListPolicyTags" => self.list_tags(TaggableKind::Policy).await,
            "ListOpenIDConnectProviderTags" => self.list_tags(TaggableKind::Oidc).await,
            "ListSAMLProviderTags" => self.list_tags(TaggableKind::Saml).await,

            "CreateOpenIDConnectProvider" => self.create_oidc_provider().await,
            "GetOpenIDConnectProvider" => self.get_oidc_provider().await,
            "ListOpenIDConnectProviders" => self.list_oidc_providers().await,
            "DeleteOpenIDConnectProvider" => self.delete_oidc_provider().await,
            "UpdateOpenIDConnectProviderThumbprint" => self.update_thumbprints().await,
            "AddClientIDToOpenIDConnectProvider" => self.add_client_id().await,
            "RemoveClientIDFromOpenIDConnectProvider" => self.remove_client_id().await,
            "CreateSAMLProvider" => self.create_saml_provider().await,
            "GetSAMLProvider" => self.get_saml_provider().await,
            "ListSAMLProviders" => self.list_saml_providers().await,
            "UpdateSAMLProvider" => self.update_saml_provider().await,
            "DeleteSAMLProvider" => self.delete_saml_provider().await,

            "CreateAccountAlias" => self.create_account_alias().await,
            "DeleteAccountAlias" => self.delete_account_alias().await,
            "ListAccountAliases" => self.list_account_aliases().await,
            "GetAccountSummary" => self.get_account_summary().await,
            "GetAccountPasswordPolicy" => self.get_account_password_policy().await,
            "UpdateAccountPasswordPolicy" => self.update_account_password_policy().await,
            "DeleteAccountPasswordPolicy" => self.delete_account_password_policy().await,
            "GetAccountAuthorizationDetails" => self.get_account_authorization_details().await,
            "GenerateCredentialReport" => self.generate_credential_report().await,
            "GetCredentialReport" => self.get_credential_report().await,
            "ListServerCertificates" => self.list_nothing("ServerCertificateMetadataList"),

            "SimulateCustomPolicy" => self.simulate_custom_policy().await,
            "SimulatePrincipalPolicy" => self.simulate_principal_policy().await,
            "GetContextKeysForCustomPolicy" => self.context_keys_for_custom_policy(),
            "GetContextKeysForPrincipalPolicy" => self.context_keys_for_principal_policy().await,

            other => Err(Failure::not_implemented("IAM", other)),
        }
    }

    fn account(&self) -> &str {
        &self.caller.principal.account_id
    }
}
