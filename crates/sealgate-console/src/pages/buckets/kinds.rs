//! The documents that a bucket can have, with what they are for. Their fields are those of S3's API; the JSON is that
//! of the `aws` command line.

use super::shape::Shape::{self, Bool, Each, Fields, Number, Text, Within};

/// How the API spells a document.
#[derive(Clone, Copy)]
pub(crate) enum Spelling {
    Json,
    Xml { root: &'static str, shape: Shape },
}

/// A kind of document.
pub(crate) struct Kind {
    /// In addresses of the console.
    pub(crate) name: &'static str,
    /// The sub-resource of the bucket.
    pub(crate) resource: &'static str,
    pub(crate) title: &'static str,
    pub(crate) about: &'static str,
    pub(crate) spelling: Spelling,
    /// What to begin with, for the usual wish.
    pub(crate) example: &'static str,
    pub(crate) example_about: &'static str,
    /// The command that sets it, and its option for the document.
    pub(crate) command: (&'static str, &'static str),
    /// The document that stands for none, where there is no deletion.
    pub(crate) removal: Removal,
}

/// How a document is taken away.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removal {
    Delete,
    /// By this document in its place.
    Replace(&'static str),
    Never,
}

const TAG: Shape = Fields(&[("Key", "Key", Text), ("Value", "Value", Text)]);

const CORS: Shape = Fields(&[(
    "CORSRules",
    "CORSRule",
    Each(&Fields(&[
        ("ID", "ID", Text),
        ("AllowedHeaders", "AllowedHeader", Each(&Text)),
        ("AllowedMethods", "AllowedMethod", Each(&Text)),
        ("AllowedOrigins", "AllowedOrigin", Each(&Text)),
        ("ExposeHeaders", "ExposeHeader", Each(&Text)),
        ("MaxAgeSeconds", "MaxAgeSeconds", Number),
    ])),
)]);

const LIFECYCLE: Shape = Fields(&[(
    "Rules",
    "Rule",
    Each(&Fields(&[
        ("ID", "ID", Text),
        ("Status", "Status", Text),
        (
            "Filter",
            "Filter",
            Fields(&[
                ("Prefix", "Prefix", Text),
                ("Tag", "Tag", TAG),
                ("ObjectSizeGreaterThan", "ObjectSizeGreaterThan", Number),
                ("ObjectSizeLessThan", "ObjectSizeLessThan", Number),
                (
                    "And",
                    "And",
                    Fields(&[
                        ("Prefix", "Prefix", Text),
                        ("Tags", "Tag", Each(&TAG)),
                        ("ObjectSizeGreaterThan", "ObjectSizeGreaterThan", Number),
                        ("ObjectSizeLessThan", "ObjectSizeLessThan", Number),
                    ]),
                ),
            ]),
        ),
        ("Prefix", "Prefix", Text),
        (
            "Expiration",
            "Expiration",
            Fields(&[
                ("Date", "Date", Text),
                ("Days", "Days", Number),
                (
                    "ExpiredObjectDeleteMarker",
                    "ExpiredObjectDeleteMarker",
                    Bool,
                ),
            ]),
        ),
        (
            "Transitions",
            "Transition",
            Each(&Fields(&[
                ("Date", "Date", Text),
                ("Days", "Days", Number),
                ("StorageClass", "StorageClass", Text),
            ])),
        ),
        (
            "NoncurrentVersionTransitions",
            "NoncurrentVersionTransition",
            Each(&Fields(&[
                ("NoncurrentDays", "NoncurrentDays", Number),
                ("StorageClass", "StorageClass", Text),
                ("NewerNoncurrentVersions", "NewerNoncurrentVersions", Number),
            ])),
        ),
        (
            "NoncurrentVersionExpiration",
            "NoncurrentVersionExpiration",
            Fields(&[
                ("NoncurrentDays", "NoncurrentDays", Number),
                ("NewerNoncurrentVersions", "NewerNoncurrentVersions", Number),
            ]),
        ),
        (
            "AbortIncompleteMultipartUpload",
            "AbortIncompleteMultipartUpload",
            Fields(&[("DaysAfterInitiation", "DaysAfterInitiation", Number)]),
        ),
    ])),
)]);

const EVENT_FILTER: Shape = Fields(&[(
    "Key",
    "S3Key",
    Fields(&[(
        "FilterRules",
        "FilterRule",
        Each(&Fields(&[("Name", "Name", Text), ("Value", "Value", Text)])),
    )]),
)]);

const NOTIFICATION: Shape = Fields(&[
    (
        "TopicConfigurations",
        "TopicConfiguration",
        Each(&Fields(&[
            ("Id", "Id", Text),
            ("TopicArn", "Topic", Text),
            ("Events", "Event", Each(&Text)),
            ("Filter", "Filter", EVENT_FILTER),
        ])),
    ),
    (
        "QueueConfigurations",
        "QueueConfiguration",
        Each(&Fields(&[
            ("Id", "Id", Text),
            ("QueueArn", "Queue", Text),
            ("Events", "Event", Each(&Text)),
            ("Filter", "Filter", EVENT_FILTER),
        ])),
    ),
    (
        "LambdaFunctionConfigurations",
        "CloudFunctionConfiguration",
        Each(&Fields(&[
            ("Id", "Id", Text),
            ("LambdaFunctionArn", "CloudFunction", Text),
            ("Events", "Event", Each(&Text)),
            ("Filter", "Filter", EVENT_FILTER),
        ])),
    ),
    (
        "EventBridgeConfiguration",
        "EventBridgeConfiguration",
        Fields(&[]),
    ),
]);

const LOCK: Shape = Fields(&[
    ("ObjectLockEnabled", "ObjectLockEnabled", Text),
    (
        "Rule",
        "Rule",
        Fields(&[(
            "DefaultRetention",
            "DefaultRetention",
            Fields(&[
                ("Mode", "Mode", Text),
                ("Days", "Days", Number),
                ("Years", "Years", Number),
            ]),
        )]),
    ),
]);

const PUBLIC_ACCESS: Shape = Fields(&[
    ("BlockPublicAcls", "BlockPublicAcls", Bool),
    ("IgnorePublicAcls", "IgnorePublicAcls", Bool),
    ("BlockPublicPolicy", "BlockPublicPolicy", Bool),
    ("RestrictPublicBuckets", "RestrictPublicBuckets", Bool),
]);

/// All of them, in the order of the page.
pub(crate) const KINDS: [Kind; 7] = [
    Kind {
        name: "policy",
        resource: "policy",
        title: "Bucket policy",
        about: "Who may do what with the bucket and its objects, people of other accounts and nobody in particular included. What a user's own policies allow counts besides.",
        spelling: Spelling::Json,
        example: r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "PartnersRead",
      "Effect": "Allow",
      "Principal": { "AWS": "arn:aws:iam::444455556666:root" },
      "Action": "s3:GetObject",
      "Resource": "arn:aws:s3:::BUCKET/shared/*"
    }
  ]
}"#,
        example_about: "Another account reads a folder.",
        command: ("put-bucket-policy", "--policy"),
        removal: Removal::Delete,
    },
    Kind {
        name: "public-access",
        resource: "publicAccessBlock",
        title: "Public Access Block",
        about: "What keeps a bucket from being opened to everybody by an ACL or a policy, whatever they say. All four on is what nearly every bucket wants.",
        spelling: Spelling::Xml {
            root: "PublicAccessBlockConfiguration",
            shape: PUBLIC_ACCESS,
        },
        example: r#"{
  "BlockPublicAcls": true,
  "IgnorePublicAcls": true,
  "BlockPublicPolicy": true,
  "RestrictPublicBuckets": true
}"#,
        example_about: "Nothing public.",
        command: (
            "put-public-access-block",
            "--public-access-block-configuration",
        ),
        removal: Removal::Delete,
    },
    Kind {
        name: "cors",
        resource: "cors",
        title: "Cross-origin access (CORS)",
        about: "Which pages of other sites a browser lets read from this bucket. It gives nobody a right that the policies do not.",
        spelling: Spelling::Xml {
            root: "CORSConfiguration",
            shape: CORS,
        },
        example: r#"{
  "CORSRules": [
    {
      "AllowedOrigins": ["https://www.example.com"],
      "AllowedMethods": ["GET", "PUT"],
      "AllowedHeaders": ["*"],
      "ExposeHeaders": ["ETag"],
      "MaxAgeSeconds": 3000
    }
  ]
}"#,
        example_about: "One site reads and uploads.",
        command: ("put-bucket-cors", "--cors-configuration"),
        removal: Removal::Delete,
    },
    Kind {
        name: "lifecycle",
        resource: "lifecycle",
        title: "Lifecycle",
        about: "What is deleted, or moved to another storage class, by itself when it is old enough; older versions and unfinished uploads, too. Rules are carried out after midnight UTC.",
        spelling: Spelling::Xml {
            root: "LifecycleConfiguration",
            shape: LIFECYCLE,
        },
        example: r#"{
  "Rules": [
    {
      "ID": "clean-up",
      "Status": "Enabled",
      "Filter": { "Prefix": "logs/" },
      "Expiration": { "Days": 90 },
      "NoncurrentVersionExpiration": { "NoncurrentDays": 30 },
      "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": 7 }
    }
  ]
}"#,
        example_about: "Logs go after 90 days.",
        command: (
            "put-bucket-lifecycle-configuration",
            "--lifecycle-configuration",
        ),
        removal: Removal::Delete,
    },
    Kind {
        name: "object-lock",
        resource: "object-lock",
        title: "Object Lock",
        about: "How long new versions are kept from deletion where nothing else is asked for. In COMPLIANCE nobody can shorten it, the root user no more than others. Once enabled, the lock of a bucket stays.",
        spelling: Spelling::Xml {
            root: "ObjectLockConfiguration",
            shape: LOCK,
        },
        example: r#"{
  "ObjectLockEnabled": "Enabled",
  "Rule": {
    "DefaultRetention": { "Mode": "GOVERNANCE", "Days": 30 }
  }
}"#,
        example_about: "Thirty days, which those with a special right can shorten.",
        command: (
            "put-object-lock-configuration",
            "--object-lock-configuration",
        ),
        removal: Removal::Never,
    },
    Kind {
        name: "notifications",
        resource: "notification",
        title: "Notifications",
        about: "Who is told of which changes. Targets are set up by the operator of the gateway and named here by their ARN.",
        spelling: Spelling::Xml {
            root: "NotificationConfiguration",
            shape: NOTIFICATION,
        },
        example: r#"{
  "QueueConfigurations": [
    {
      "Id": "new-invoices",
      "QueueArn": "arn:aws:sqs:us-east-1:111122223333:invoices",
      "Events": ["s3:ObjectCreated:*"],
      "Filter": {
        "Key": { "FilterRules": [{ "Name": "prefix", "Value": "invoices/" }] }
      }
    }
  ]
}"#,
        example_about: "A queue hears of everything new in a folder.",
        command: (
            "put-bucket-notification-configuration",
            "--notification-configuration",
        ),
        removal: Removal::Replace("<NotificationConfiguration></NotificationConfiguration>"),
    },
    Kind {
        name: "tags",
        resource: "tagging",
        title: "Tags",
        about: "Names and values of your own: for cost reports, and for policies that ask for them.",
        spelling: Spelling::Xml {
            root: "Tagging",
            shape: Fields(&[("TagSet", "TagSet", Within("Tag", &TAG))]),
        },
        example: r#"{
  "TagSet": [
    { "Key": "team", "Value": "accounting" }
  ]
}"#,
        example_about: "Whose it is.",
        command: ("put-bucket-tagging", "--tagging"),
        removal: Removal::Delete,
    },
];

/// The kind of this name.
pub(crate) fn of(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::shape::to_xml;
    use super::*;

    #[test]
    fn every_example_is_a_document_of_its_kind() {
        for kind in &KINDS {
            let document = serde_json::from_str(kind.example).unwrap();
            if let Spelling::Xml { root, shape } = kind.spelling {
                to_xml(root, &document, shape).unwrap();
            }
        }
    }
}
