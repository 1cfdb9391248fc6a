//! Condition keys: those that evaluation answers itself, and the list of those that exist.
//!
//! A key of the `aws:`, `kms:` and `s3:` namespaces that AWS does not have is refused when a policy
//! is parsed. With the rules for missing keys a misspelt one would otherwise be a condition that is
//! always (or never) met. Keys of AWS that the gateway has no value for (`aws:SourceVpc`, …) are
//! accepted: they are missing from its requests as they are from many at AWS.

use crate::error::PolicyError;

/// A condition key, compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    PrincipalArn,
    PrincipalAccount,
    PrincipalType,
    PrincipalIsAwsService,
    PrincipalServiceName,
    UserId,
    UserName,
    SourceIp,
    SecureTransport,
    CurrentTime,
    EpochTime,
    UserAgent,
    RequestedRegion,
    ResourceAccount,
    /// `kms:CallerAccount`, a fact about the caller as well.
    CallerAccount,
    /// Any other key, lower-cased; the operation supplies it.
    Context(Box<str>),
}

impl Key {
    pub(crate) fn parse(name: &str) -> Result<Key, PolicyError> {
        let lowered = name.to_ascii_lowercase();
        Ok(match lowered.as_str() {
            "aws:principalarn" => Key::PrincipalArn,
            "aws:principalaccount" => Key::PrincipalAccount,
            "aws:principaltype" => Key::PrincipalType,
            "aws:principalisawsservice" => Key::PrincipalIsAwsService,
            "aws:principalservicename" => Key::PrincipalServiceName,
            "aws:userid" => Key::UserId,
            "aws:username" => Key::UserName,
            "aws:sourceip" => Key::SourceIp,
            "aws:securetransport" => Key::SecureTransport,
            "aws:currenttime" => Key::CurrentTime,
            "aws:epochtime" => Key::EpochTime,
            "aws:useragent" => Key::UserAgent,
            "aws:requestedregion" => Key::RequestedRegion,
            "aws:resourceaccount" => Key::ResourceAccount,
            "kms:calleraccount" => Key::CallerAccount,
            other if is_known(other) => Key::Context(other.into()),
            _ => return Err(PolicyError::UnknownConditionKey(name.to_owned())),
        })
    }
}

fn is_known(lowered: &str) -> bool {
    let Some((namespace, name)) = lowered.split_once(':') else {
        return false;
    };
    let (names, families) = match namespace {
        "aws" => (AWS_KEYS, AWS_FAMILIES),
        "kms" => (KMS_KEYS, KMS_FAMILIES),
        "s3" => (S3_KEYS, S3_FAMILIES),
        // Of other services only the form is checked: their actions do not lead here, so their keys
        // are always missing.
        other => {
            return !other.is_empty()
                && other
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !name.is_empty()
                && !name.chars().any(char::is_control);
        }
    };
    names.contains(&name)
        || families.iter().any(|family| {
            name.strip_prefix(family)
                .is_some_and(|rest| !rest.is_empty())
        })
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
const AWS_KEYS: &[&str] = &[
    "assumedroot",
    "calledvia",
    "calledviafirst",
    "calledvialast",
    "chatbotsourcearn",
    "ec2instancesourceprivateipv4",
    "ec2instancesourcevpc",
    "federatedprovider",
    "multifactorauthage",
    "multifactorauthpresent",
    "principalorgid",
    "principalorgpaths",
    "principalservicenameslist",
    "referer",
    "resourceorgid",
    "resourceorgpaths",
    "sourceaccount",
    "sourcearn",
    "sourceidentity",
    "sourceorgid",
    "sourceorgpaths",
    "sourcevpc",
    "sourcevpcarn",
    "sourcevpce",
    "tagkeys",
    "tokenissuetime",
    "viaawsservice",
    "vpceaccount",
    "vpceorgid",
    "vpceorgpaths",
    "vpcsourceip",
];
const AWS_FAMILIES: &[&str] = &["principaltag/", "requesttag/", "resourcetag/"];

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
    "validto",
    "viaservice",
    "wrappingalgorithm",
    "wrappingkeyspec",
];
const KMS_FAMILIES: &[&str] = &["encryptioncontext:", "recipientattestation:"];

/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html>
///
/// `s3:TlsVersion`, `s3:locationconstraint` and `s3:ObjectCreationOperation` are missing on
/// purpose: nothing supplies them yet, and a Deny on a key that is never there would be ignored.
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
    "if-match",
    "if-none-match",
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
    "versionid",
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
