//! Condition keys: those that evaluation answers itself, and the list of those that exist.
//!
//! A key of the `aws:`, `iam:`, `kms:`, `s3:` and `sts:` namespaces that AWS does not have is refused when a policy
//! is parsed. With the rules for missing keys a misspelt one would otherwise be a condition that is
//! always (or never) met. Keys of AWS that the gateway has no value for (`aws:SourceVpc`, …) are
//! accepted: they are missing from its requests as they are from many at AWS.

use crate::error::PolicyError;

/// A condition key, compiled.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    written: Box<str>,
    lowered: Box<str>,
    /// `None` for keys that the operation supplies.
    fact: Option<Fact>,
}

/// What evaluation knows itself, from the caller, the session and the access.
#[derive(Debug, Clone)]
pub(crate) enum Fact {
    PrincipalArn,
    PrincipalAccount,
    PrincipalType,
    PrincipalIsAwsService,
    PrincipalServiceName,
    /// `aws:PrincipalTag/KEY`; the key in any case.
    PrincipalTag(Box<str>),
    UserId,
    UserName,
    SourceIdentity,
    FederatedProvider,
    TokenIssueTime,
    MultiFactorAuthPresent,
    MultiFactorAuthAge,
    ViaAwsService,
    CalledViaFirst,
    CalledViaLast,
    SourceIp,
    SecureTransport,
    CurrentTime,
    EpochTime,
    UserAgent,
    RequestedRegion,
    ResourceAccount,
}

impl Key {
    pub(crate) fn parse(name: &str) -> Result<Key, PolicyError> {
        let lowered = name.to_ascii_lowercase();
        let fact = Fact::of(&lowered);
        if fact.is_none() && !is_known(&lowered) {
            return Err(PolicyError::UnknownConditionKey(name.to_owned()));
        }
        Ok(Key {
            written: name.into(),
            lowered: lowered.into(),
            fact,
        })
    }

    pub(crate) fn as_written(&self) -> &str {
        &self.written
    }

    pub(crate) fn lowered(&self) -> &str {
        &self.lowered
    }

    pub(crate) fn fact(&self) -> Option<&Fact> {
        self.fact.as_ref()
    }
}

impl Fact {
    /// Facts about how a request came in, which a simulated request has only if it is told so.
    pub(crate) fn is_of_the_connection(&self) -> bool {
        matches!(
            self,
            Fact::SourceIp
                | Fact::SecureTransport
                | Fact::UserAgent
                | Fact::RequestedRegion
                | Fact::TokenIssueTime
                | Fact::MultiFactorAuthPresent
                | Fact::MultiFactorAuthAge
        )
    }

    fn of(lowered: &str) -> Option<Fact> {
        Some(match lowered {
            "aws:principalarn" => Fact::PrincipalArn,
            // The second is a fact about the caller as well.
            "aws:principalaccount" | "kms:calleraccount" => Fact::PrincipalAccount,
            "aws:principaltype" => Fact::PrincipalType,
            "aws:principalisawsservice" => Fact::PrincipalIsAwsService,
            "aws:principalservicename" => Fact::PrincipalServiceName,
            "aws:userid" => Fact::UserId,
            "aws:username" => Fact::UserName,
            "aws:sourceidentity" => Fact::SourceIdentity,
            "aws:federatedprovider" => Fact::FederatedProvider,
            "aws:tokenissuetime" => Fact::TokenIssueTime,
            "aws:multifactorauthpresent" => Fact::MultiFactorAuthPresent,
            "aws:multifactorauthage" => Fact::MultiFactorAuthAge,
            "aws:viaawsservice" => Fact::ViaAwsService,
            "aws:calledviafirst" => Fact::CalledViaFirst,
            "aws:calledvialast" => Fact::CalledViaLast,
            "aws:sourceip" => Fact::SourceIp,
            "aws:securetransport" => Fact::SecureTransport,
            "aws:currenttime" => Fact::CurrentTime,
            "aws:epochtime" => Fact::EpochTime,
            "aws:useragent" => Fact::UserAgent,
            "aws:requestedregion" => Fact::RequestedRegion,
            "aws:resourceaccount" => Fact::ResourceAccount,
            _ => {
                let tag = lowered.strip_prefix("aws:principaltag/")?;
                (!tag.is_empty()).then(|| Fact::PrincipalTag(tag.into()))?
            }
        })
    }
}

fn is_known(lowered: &str) -> bool {
    let Some((namespace, name)) = lowered.split_once(':') else {
        return false;
    };
    let (names, families) = match namespace {
        "aws" => (AWS_KEYS, AWS_FAMILIES),
        "iam" => (IAM_KEYS, IAM_FAMILIES),
        "kms" => (KMS_KEYS, KMS_FAMILIES),
        "s3" => (S3_KEYS, S3_FAMILIES),
        "sts" => (STS_KEYS, STS_FAMILIES),
        // Of identity providers (`token.actions.githubusercontent.com:sub`) and other services only the
        // form is checked: which claims a provider makes is its affair, and the actions of other
        // services do not lead here, so that their keys are always missing.
        other => {
            return !other.is_empty()
                && other
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'/' | b'_'))
                && !name.is_empty()
                && !name.chars().any(char::is_control);
        }
    };
    names.contains(&name)
        || (namespace == "s3" && S3_HEADER_KEYS.contains(&name))
        || families.iter().any(|family| {
            name.strip_prefix(family)
                .is_some_and(|rest| !rest.is_empty())
        })
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
const AWS_KEYS: &[&str] = &[
    "assumedroot",
    "calledvia",
    "chatbotsourcearn",
    "ec2instancesourceprivateipv4",
    "ec2instancesourcevpc",
    "principalorgid",
    "principalorgpaths",
    "principalservicenameslist",
    "referer",
    "resourceorgid",
    "resourceorgpaths",
    "sourceaccount",
    "sourcearn",
    "sourceorgid",
    "sourceorgpaths",
    "sourcevpc",
    "sourcevpcarn",
    "sourcevpce",
    "tagkeys",
    "vpceaccount",
    "vpceorgid",
    "vpceorgpaths",
    "vpcsourceip",
];
const AWS_FAMILIES: &[&str] = &["requesttag/", "resourcetag/"];

/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html>
const IAM_KEYS: &[&str] = &[
    "associatedresourcearn",
    "awsservicename",
    "fido-certification",
    "fido-fips-140-2-certification",
    "fido-fips-140-3-certification",
    "organizationspolicyid",
    "passedtoservice",
    "permissionsboundary",
    "policyarn",
    "registersecuritykey",
    "servicespecificcredentialagedays",
    "servicespecificcredentialservicename",
];
const IAM_FAMILIES: &[&str] = &["resourcetag/"];

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#available-keys-for-iam>
const STS_KEYS: &[&str] = &[
    "awsservicename",
    "durationseconds",
    "externalid",
    "identitytokenaudience",
    "requestcontextproviders",
    "rolesessionname",
    "signingalgorithm",
    "sourceidentity",
    "taskpolicyarn",
    "transitivetagkeys",
];
const STS_FAMILIES: &[&str] = &["requestcontext/"];

/// <https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html>
const KMS_KEYS: &[&str] = &[
    "bypasspolicylockoutsafetycheck",
    "customermasterkeyspec",
    "customermasterkeyusage",
    "datakeypairspec",
    "encryptionalgorithm",
    "encryptioncontextkeys",
    "expirationmodel",
    "grantconstrainttype",
    "granteeprincipal",
    "granteeserviceprincipal",
    "grantisforawsresource",
    "grantoperations",
    "keyagreementalgorithm",
    "keyorigin",
    "keyspec",
    "keyusage",
    "macalgorithm",
    "messagetype",
    "multiregion",
    "multiregionkeytype",
    "primaryregion",
    "reencryptonsamekey",
    "replicaregion",
    "requestalias",
    "resourcealiases",
    "retiringprincipal",
    "retiringserviceprincipal",
    "rotationperiodindays",
    "schedulekeydeletionpendingwindowindays",
    "signingalgorithm",
    "validto",
    "viaservice",
    "wrappingalgorithm",
    "wrappingkeyspec",
];
const KMS_FAMILIES: &[&str] = &["encryptioncontext:", "recipientattestation:"];

/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>
///
/// `s3:locationconstraint` and `s3:ObjectCreationOperation` are missing on purpose: nothing supplies
/// them yet, and a Deny on a key that is never there would be ignored.
const S3_KEYS: &[&str] = &[
    "accessgrantsinstancearn",
    "accessgrantslocationscope",
    "accesspointnetworkorigin",
    "authtype",
    "dataaccesspointaccount",
    "dataaccesspointarn",
    "delimiter",
    "destinationregion",
    "existingjoboperation",
    "existingjobpriority",
    "inventoryaccessibleoptionalfields",
    "isreplicationpauserequest",
    "jobsuspendedcause",
    "max-keys",
    "object-lock-legal-hold",
    "object-lock-mode",
    "object-lock-remaining-retention-days",
    "object-lock-retain-until-date",
    "prefix",
    "requestjoboperation",
    "requestjobpriority",
    "requestobjecttagkeys",
    "resourceaccount",
    "signatureage",
    "signatureversion",
    "tlsversion",
    "versionid",
];
/// Those of S3's keys that are headers of a request, by the header's name.
pub const S3_HEADER_KEYS: &[&str] = &[
    "if-match",
    "if-none-match",
    "x-amz-acl",
    "x-amz-content-sha256",
    "x-amz-copy-source",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
    "x-amz-metadata-directive",
    "x-amz-object-ownership",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
];
const S3_FAMILIES: &[&str] = &[
    "accesspointtag/",
    "buckettag/",
    "existingobjecttag/",
    "requestobjecttag/",
];
