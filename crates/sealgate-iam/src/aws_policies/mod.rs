//! The managed policies of AWS that exist here, with their documents as AWS publishes them:
//! <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html>.
//! Those of services that the gateway does not have are left out.

use std::sync::LazyLock;

use sealgate_policy::{AttachedPolicy, Policy, PolicyError};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::error::IamError;
use crate::model::{ManagedPolicy, PolicyVersion, policy_arn};
use crate::records::Tags;

/// The account in the ARNs of AWS's own policies.
pub(crate) const AWS: &str = "aws";

/// A policy that AWS manages.
pub(crate) struct AwsPolicy {
    pub name: &'static str,
    pub description: &'static str,
    pub document: &'static str,
    id: Option<&'static str>,
    version: u32,
    created: OffsetDateTime,
    updated: OffsetDateTime,
}

/// By name.
pub(crate) static ALL: [AwsPolicy; 12] = [
    AwsPolicy {
        name: "AdministratorAccess",
        description: "Provides full access to AWS services and resources.",
        document: include_str!("AdministratorAccess.json"),
        id: Some("ANPAIWMBCKSKIEE64ZLYK"),
        version: 1,
        created: datetime!(2015-02-06 18:39:46 UTC),
        updated: datetime!(2015-02-06 18:39:46 UTC),
    },
    AwsPolicy {
        name: "AmazonS3FullAccess",
        description: "Provides full access to all buckets via the AWS Management Console.",
        document: include_str!("AmazonS3FullAccess.json"),
        id: Some("ANPAIFIR6V6BVTRAHWINE"),
        version: 2,
        created: datetime!(2015-02-06 18:40:58 UTC),
        updated: datetime!(2021-09-27 20:16:37 UTC),
    },
    AwsPolicy {
        name: "AmazonS3ReadOnlyAccess",
        description: "Provides read only access to all buckets via the AWS Management Console.",
        document: include_str!("AmazonS3ReadOnlyAccess.json"),
        id: Some("ANPAIZTJ4DXE7G6AGAE6M"),
        version: 3,
        created: datetime!(2015-02-06 18:40:59 UTC),
        updated: datetime!(2023-08-10 21:31:39 UTC),
    },
    AwsPolicy {
        name: "AWSCloudTrail_FullAccess",
        description: "Provides full access to AWS CloudTrail.",
        document: include_str!("AWSCloudTrail_FullAccess.json"),
        id: None,
        version: 3,
        created: datetime!(2020-10-08 23:41:15 UTC),
        updated: datetime!(2021-02-22 19:01:00 UTC),
    },
    AwsPolicy {
        name: "AWSCloudTrail_ReadOnlyAccess",
        description: "This policy grants read-only access to AWS CloudTrail.",
        document: include_str!("AWSCloudTrail_ReadOnlyAccess.json"),
        id: None,
        version: 1,
        created: datetime!(2022-06-14 17:19:05 UTC),
        updated: datetime!(2022-06-14 17:19:05 UTC),
    },
    AwsPolicy {
        name: "AWSDenyAll",
        description: "Deny all access.",
        document: include_str!("AWSDenyAll.json"),
        id: None,
        version: 2,
        created: datetime!(2019-05-01 22:36:14 UTC),
        updated: datetime!(2023-12-18 16:42:05 UTC),
    },
    AwsPolicy {
        name: "AWSKeyManagementServicePowerUser",
        description: "Provides access to AWS Key Management Service (KMS).",
        document: include_str!("AWSKeyManagementServicePowerUser.json"),
        id: Some("ANPAJNPP7PPPPMJRV2SA4"),
        version: 2,
        created: datetime!(2015-02-06 18:40:40 UTC),
        updated: datetime!(2017-03-07 00:55:11 UTC),
    },
    AwsPolicy {
        name: "IAMFullAccess",
        description: "Provides full access to IAM via the AWS Management Console.",
        document: include_str!("IAMFullAccess.json"),
        id: Some("ANPAI7XKCFMBPM3QQRRVQ"),
        version: 2,
        created: datetime!(2015-02-06 18:40:38 UTC),
        updated: datetime!(2019-06-21 19:40:00 UTC),
    },
    AwsPolicy {
        name: "IAMReadOnlyAccess",
        description: "Provides read only access to IAM via the AWS Management Console.",
        document: include_str!("IAMReadOnlyAccess.json"),
        id: Some("ANPAJKSO7NDY4T57MWDSQ"),
        version: 4,
        created: datetime!(2015-02-06 18:40:39 UTC),
        updated: datetime!(2018-01-25 19:11:27 UTC),
    },
    AwsPolicy {
        name: "PowerUserAccess",
        description: "Provides full access to AWS services and resources, but does not allow management of Users and groups.",
        document: include_str!("PowerUserAccess.json"),
        id: Some("ANPAJYRXTHIB4FOVS3ZXS"),
        version: 12,
        created: datetime!(2015-02-06 18:39:47 UTC),
        updated: datetime!(2026-02-12 17:59:14 UTC),
    },
    AwsPolicy {
        name: "ReadOnlyAccess",
        description: "Provides read-only access to AWS services and resources.",
        document: include_str!("ReadOnlyAccess.json"),
        id: Some("ANPAILL3HVNFSB6DCOWYQ"),
        version: 182,
        created: datetime!(2015-02-06 18:39:48 UTC),
        updated: datetime!(2026-04-03 15:27:12 UTC),
    },
    AwsPolicy {
        name: "SecurityAudit",
        description: "The security audit template grants access to read security configuration metadata. It is useful for software that audits the configuration of an AWS account.",
        document: include_str!("SecurityAudit.json"),
        id: Some("ANPAIX2T3QCXHR2OGGCTO"),
        version: 86,
        created: datetime!(2015-02-06 18:41:01 UTC),
        updated: datetime!(2026-05-01 03:12:13 UTC),
    },
];

impl AwsPolicy {
    pub fn arn(&self) -> String {
        policy_arn(AWS, "/", self.name)
    }

    /// The policy; how often an account uses it is counted elsewhere.
    pub fn policy(&self) -> ManagedPolicy {
        ManagedPolicy {
            id: self.id.map(str::to_owned),
            arn: self.arn(),
            name: self.name.to_owned(),
            path: "/".to_owned(),
            description: Some(self.description.to_owned()),
            created: self.created,
            updated: self.updated,
            default_version: self.version,
            tags: Tags::new(),
            attachments: 0,
            boundaries: 0,
        }
    }

    /// The one version there is of it here.
    pub fn policy_version(&self) -> PolicyVersion {
        PolicyVersion {
            number: self.version,
            document: self.document.to_owned(),
            created: self.updated,
            is_default: true,
        }
    }
}

/// The policies as they are evaluated, in the order of [`ALL`]; each is parsed once.
static PARSED: LazyLock<Vec<Result<AttachedPolicy, PolicyError>>> = LazyLock::new(|| {
    ALL.iter()
        .map(|policy| {
            Policy::parse_identity(policy.document)
                .map(|parsed| AttachedPolicy::new(policy.arn(), parsed))
        })
        .collect()
});

/// The policy of this name.
pub(crate) fn find(name: &str) -> Option<&'static AwsPolicy> {
    ALL.iter().find(|policy| policy.name == name)
}

/// The policy of this name, ready to be evaluated.
pub(crate) fn parsed(name: &str) -> Result<Option<AttachedPolicy>, IamError> {
    let Some(at) = ALL.iter().position(|policy| policy.name == name) else {
        return Ok(None);
    };
    match PARSED.get(at) {
        Some(Ok(policy)) => Ok(Some(policy.clone())),
        Some(Err(error)) => Err(IamError::Internal(format!(
            "the policy {name} of AWS does not parse: {error}"
        ))),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn every_policy_of_aws_parses_and_has_its_arn() {
        for policy in &ALL {
            let parsed = parsed(policy.name).unwrap().unwrap();
            assert_eq!(&*parsed.name, policy.arn());
            assert_eq!(parsed.policy.source(), policy.document);
        }
        assert!(parsed("NoSuchPolicy").unwrap().is_none());
        assert_eq!(
            find("AdministratorAccess").unwrap().arn(),
            "arn:aws:iam::aws:policy/AdministratorAccess"
        );
    }
}
