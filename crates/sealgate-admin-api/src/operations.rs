//! Every operation of the four APIs, as the SDKs know them: what is implemented is answered, the
//! rest is `501`, and a name that is in neither list is no operation at all.

/// The operations of one API.
pub struct Operations {
    /// Answered.
    pub implemented: &'static [&'static str],
    /// Known, answered with `501`.
    pub not_implemented: &'static [&'static str],
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// An operation that is answered.
    Implemented(&'static str),
    /// An operation of AWS that is not implemented.
    NotImplemented(&'static str),
    /// No operation of this API.
    Unknown,
}

impl Operations {
    /// Looks a name up.
    pub fn find(&self, name: &str) -> Known {
        let among =
            |list: &'static [&'static str]| list.iter().copied().find(|known| *known == name);
        if let Some(known) = among(self.implemented) {
            return Known::Implemented(known);
        }
        match among(self.not_implemented) {
            Some(known) => Known::NotImplemented(known),
            None => Known::Unknown,
        }
    }
}

/// KMS, API version 2014-11-01.
pub const KMS: Operations = Operations {
    implemented: &[
        "CancelKeyDeletion",
        "CreateAlias",
        "CreateGrant",
        "CreateKey",
        "Decrypt",
        "DeleteAlias",
        "DeleteImportedKeyMaterial",
        "DeriveSharedSecret",
        "DescribeKey",
        "DisableKey",
        "DisableKeyRotation",
        "EnableKey",
        "EnableKeyRotation",
        "Encrypt",
        "GenerateDataKey",
        "GenerateDataKeyPair",
        "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext",
        "GenerateMac",
        "GenerateRandom",
        "GetKeyLastUsage",
        "GetKeyPolicy",
        "GetKeyRotationStatus",
        "GetParametersForImport",
        "GetPublicKey",
        "ImportKeyMaterial",
        "ListAliases",
        "ListGrants",
        "ListKeyPolicies",
        "ListKeyRotations",
        "ListKeys",
        "ListResourceTags",
        "ListRetirableGrants",
        "PutKeyPolicy",
        "ReEncrypt",
        "RetireGrant",
        "RevokeGrant",
        "RotateKeyOnDemand",
        "ScheduleKeyDeletion",
        "Sign",
        "TagResource",
        "UntagResource",
        "UpdateAlias",
        "UpdateKeyDescription",
        "Verify",
        "VerifyMac",
    ],
    not_implemented: &[
        "ConnectCustomKeyStore",
        "CreateCustomKeyStore",
        "DeleteCustomKeyStore",
        "DescribeCustomKeyStores",
        "DisconnectCustomKeyStore",
        "ReplicateKey",
        "UpdateCustomKeyStore",
        "UpdatePrimaryRegion",
    ],
};

/// IAM, API version 2010-05-08.
pub const IAM: Operations = Operations {
    implemented: &[
        "AddClientIDToOpenIDConnectProvider",
        "AddUserToGroup",
        "AttachGroupPolicy",
        "AttachRolePolicy",
        "AttachUserPolicy",
        "CreateAccessKey",
        "CreateAccountAlias",
        "CreateGroup",
        "CreateOpenIDConnectProvider",
        "CreatePolicy",
        "CreatePolicyVersion",
        "CreateRole",
        "CreateSAMLProvider",
        "CreateUser",
        "DeleteAccessKey",
        "DeleteAccountAlias",
        "DeleteGroup",
        "DeleteGroupPolicy",
        "DeleteOpenIDConnectProvider",
        "DeletePolicy",
        "DeletePolicyVersion",
        "DeleteRole",
        "DeleteRolePermissionsBoundary",
        "DeleteRolePolicy",
        "DeleteSAMLProvider",
        "DeleteUser",
        "DeleteUserPermissionsBoundary",
        "DeleteUserPolicy",
        "DetachGroupPolicy",
        "DetachRolePolicy",
        "DetachUserPolicy",
        "GenerateCredentialReport",
        "GetAccessKeyLastUsed",
        "GetAccountAuthorizationDetails",
        "GetAccountPasswordPolicy",
        "GetAccountSummary",
        "GetContextKeysForCustomPolicy",
        "GetContextKeysForPrincipalPolicy",
        "GetCredentialReport",
        "GetGroup",
        "GetGroupPolicy",
        "GetLoginProfile",
        "GetOpenIDConnectProvider",
        "GetPolicy",
        "GetPolicyVersion",
        "GetRole",
        "GetRolePolicy",
        "GetSAMLProvider",
        "GetUser",
        "GetUserPolicy",
        "ListAccessKeys",
        "ListAccountAliases",
        "ListAttachedGroupPolicies",
        "ListAttachedRolePolicies",
        "ListAttachedUserPolicies",
        "ListEntitiesForPolicy",
        "ListGroupPolicies",
        "ListGroups",
        "ListGroupsForUser",
        "ListMFADevices",
        "ListOpenIDConnectProviderTags",
        "ListOpenIDConnectProviders",
        "ListPolicies",
        "ListPolicyTags",
        "ListPolicyVersions",
        "ListRolePolicies",
        "ListRoleTags",
        "ListRoles",
        "ListSAMLProviderTags",
        "ListSAMLProviders",
        "ListSSHPublicKeys",
        "ListServerCertificates",
        "ListServiceSpecificCredentials",
        "ListSigningCertificates",
        "ListUserPolicies",
        "ListUserTags",
        "ListUsers",
        "ListVirtualMFADevices",
        "PutGroupPolicy",
        "PutRolePermissionsBoundary",
        "PutRolePolicy",
        "PutUserPermissionsBoundary",
        "PutUserPolicy",
        "RemoveClientIDFromOpenIDConnectProvider",
        "RemoveUserFromGroup",
        "SetDefaultPolicyVersion",
        "SimulateCustomPolicy",
        "SimulatePrincipalPolicy",
        "TagOpenIDConnectProvider",
        "TagPolicy",
        "TagRole",
        "TagSAMLProvider",
        "TagUser",
        "UntagOpenIDConnectProvider",
        "UntagPolicy",
        "UntagRole",
        "UntagSAMLProvider",
        "UntagUser",
        "UpdateAccessKey",
        "UpdateAssumeRolePolicy",
        "UpdateGroup",
        "UpdateOpenIDConnectProviderThumbprint",
        "UpdateRole",
        "UpdateRoleDescription",
        "UpdateSAMLProvider",
        "UpdateUser",
    ],
    not_implemented: &[
        "AcceptDelegationRequest",
        "AddRoleToInstanceProfile",
        "AssociateDelegationRequest",
        "ChangePassword",
        "CreateDelegationRequest",
        "CreateInstanceProfile",
        "CreateLoginProfile",
        "CreateServiceLinkedRole",
        "CreateServiceSpecificCredential",
        "CreateVirtualMFADevice",
        "DeactivateMFADevice",
        "DeleteAccountPasswordPolicy",
        "DeleteInstanceProfile",
        "DeleteLoginProfile",
        "DeleteSSHPublicKey",
        "DeleteServerCertificate",
        "DeleteServiceLinkedRole",
        "DeleteServiceSpecificCredential",
        "DeleteSigningCertificate",
        "DeleteVirtualMFADevice",
        "DisableOrganizationsRootCredentialsManagement",
        "DisableOrganizationsRootSessions",
        "DisableOutboundWebIdentityFederation",
        "EnableMFADevice",
        "EnableOrganizationsRootCredentialsManagement",
        "EnableOrganizationsRootSessions",
        "EnableOutboundWebIdentityFederation",
        "GenerateOrganizationsAccessReport",
        "GenerateServiceLastAccessedDetails",
        "GetDelegationRequest",
        "GetHumanReadableSummary",
        "GetInstanceProfile",
        "GetMFADevice",
        "GetOrganizationsAccessReport",
        "GetOutboundWebIdentityFederationInfo",
        "GetSSHPublicKey",
        "GetServerCertificate",
        "GetServiceLastAccessedDetails",
        "GetServiceLastAccessedDetailsWithEntities",
        "GetServiceLinkedRoleDeletionStatus",
        "ListDelegationRequests",
        "ListInstanceProfileTags",
        "ListInstanceProfiles",
        "ListInstanceProfilesForRole",
        "ListMFADeviceTags",
        "ListOrganizationsFeatures",
        "ListPoliciesGrantingServiceAccess",
        "ListServerCertificateTags",
        "RejectDelegationRequest",
        "RemoveRoleFromInstanceProfile",
        "ResetServiceSpecificCredential",
        "ResyncMFADevice",
        "SendDelegationToken",
        "SetSecurityTokenServicePreferences",
        "TagInstanceProfile",
        "TagMFADevice",
        "TagServerCertificate",
        "UntagInstanceProfile",
        "UntagMFADevice",
        "UntagServerCertificate",
        "UpdateAccountPasswordPolicy",
        "UpdateDelegationRequest",
        "UpdateLoginProfile",
        "UpdateSSHPublicKey",
        "UpdateServerCertificate",
        "UpdateServiceSpecificCredential",
        "UpdateSigningCertificate",
        "UploadSSHPublicKey",
        "UploadServerCertificate",
        "UploadSigningCertificate",
    ],
};

/// STS, API version 2011-06-15.
pub const STS: Operations = Operations {
    implemented: &[
        "AssumeRole",
        "AssumeRoleWithWebIdentity",
        "GetAccessKeyInfo",
        "GetCallerIdentity",
        "GetFederationToken",
        "GetSessionToken",
    ],
    not_implemented: &[
        "AssumeRoleWithSAML",
        "AssumeRoot",
        "DecodeAuthorizationMessage",
        "GetDelegatedAccessToken",
        "GetWebIdentityToken",
    ],
};

/// CloudTrail, API version 2013-11-01.
pub const CLOUDTRAIL: Operations = Operations {
    implemented: &[
        "AddTags",
        "CreateTrail",
        "DeleteTrail",
        "DescribeTrails",
        "GetEventSelectors",
        "GetTrail",
        "GetTrailStatus",
        "ListPublicKeys",
        "ListTags",
        "ListTrails",
        "LookupEvents",
        "PutEventSelectors",
        "RemoveTags",
        "StartLogging",
        "StopLogging",
        "UpdateTrail",
    ],
    not_implemented: &[
        "CancelQuery",
        "CreateChannel",
        "CreateDashboard",
        "CreateEventDataStore",
        "DeleteChannel",
        "DeleteDashboard",
        "DeleteEventDataStore",
        "DeleteResourcePolicy",
        "DeregisterOrganizationDelegatedAdmin",
        "DescribeQuery",
        "DisableFederation",
        "EnableFederation",
        "GenerateQuery",
        "GetChannel",
        "GetDashboard",
        "GetEventConfiguration",
        "GetEventDataStore",
        "GetImport",
        "GetInsightSelectors",
        "GetQueryResults",
        "GetResourcePolicy",
        "ListChannels",
        "ListDashboards",
        "ListEventDataStores",
        "ListImportFailures",
        "ListImports",
        "ListInsightsData",
        "ListInsightsMetricData",
        "ListQueries",
        "PutEventConfiguration",
        "PutInsightSelectors",
        "PutResourcePolicy",
        "RegisterOrganizationDelegatedAdmin",
        "RestoreEventDataStore",
        "SearchSampleQueries",
        "StartDashboardRefresh",
        "StartEventDataStoreIngestion",
        "StartImport",
        "StartQuery",
        "StopEventDataStoreIngestion",
        "StopImport",
        "UpdateChannel",
        "UpdateDashboard",
        "UpdateEventDataStore",
    ],
};

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn the_lists_hold_every_operation_of_the_apis_once() {
        for (api, total) in [(&KMS, 54), (&IAM, 176), (&STS, 11), (&CLOUDTRAIL, 60)] {
            let mut names: Vec<_> = api.implemented.iter().chain(api.not_implemented).collect();
            assert_eq!(names.len(), total);
            names.sort();
            names.dedup();
            assert_eq!(names.len(), total);
        }
    }

    #[test]
    fn names_are_case_sensitive() {
        assert_eq!(KMS.find("Encrypt"), Known::Implemented("Encrypt"));
        assert_eq!(KMS.find("encrypt"), Known::Unknown);
        assert_eq!(
            KMS.find("ReplicateKey"),
            Known::NotImplemented("ReplicateKey")
        );
    }
}
