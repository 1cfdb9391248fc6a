//! Every operation of the S3 API: how a request names it, what permission it needs, and how the audit
//! trail sees it. One table, so that no operation is in one place and forgotten in another.
//!
//! Names are botocore's; four of its operations are older names for the requests of others and are not
//! told apart (`GetBucketLifecycle`, `PutBucketLifecycle`, `GetBucketNotification`,
//! `PutBucketNotification`).

use http::Method;
use sealgate_sse::Accepts;

/// What a request addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// The service: `/`.
    Service,
    /// A bucket.
    Bucket,
    /// An object.
    Object,
    /// An account, by the API of `s3control`.
    Account,
}

/// How the audit trail sees an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A management event that changes nothing.
    Read,
    /// A management event that changes something.
    Write,
    /// A data event that changes nothing.
    DataRead,
    /// A data event that changes something.
    DataWrite,
}

macro_rules! operations {
    ($($(#[$meta:meta])* $name:ident: $method:ident $level:ident $sub:literal, $action:literal, $class:ident;)+) => {
        /// An operation of S3.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the names are those of the S3 API")]
        pub enum Operation {
            $($(#[$meta])* $name,)+
        }

        impl Operation {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The name in the S3 API.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// The method of its requests.
            pub fn method(self) -> Method {
                match self {
                    $(Self::$name => Method::$method,)+
                }
            }

            /// What its requests address.
            pub fn level(self) -> Level {
                match self {
                    $(Self::$name => Level::$level,)+
                }
            }

            /// The query parameter that its requests are told by; empty where there is none.
            pub fn subresource(self) -> &'static str {
                match self {
                    $(Self::$name => $sub,)+
                }
            }

            /// The permission it needs
            /// ([actions of S3](https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html)).
            pub fn action(self) -> &'static str {
                match self {
                    $(Self::$name => $action,)+
                }
            }

            /// How the audit trail sees it.
            pub fn class(self) -> Class {
                match self {
                    $(Self::$name => Class::$class,)+
                }
            }
        }
    };
}

operations! {
    AbortMultipartUpload: DELETE Object "uploadId", "s3:AbortMultipartUpload", DataWrite;
    CompleteMultipartUpload: POST Object "uploadId", "s3:PutObject", DataWrite;
    CopyObject: PUT Object "", "s3:PutObject", DataWrite;
    CreateBucket: PUT Bucket "", "s3:CreateBucket", Write;
    CreateBucketMetadataConfiguration: POST Bucket "metadataConfiguration", "s3:CreateBucketMetadataTableConfiguration", Write;
    CreateBucketMetadataTableConfiguration: POST Bucket "metadataTable", "s3:CreateBucketMetadataTableConfiguration", Write;
    CreateMultipartUpload: POST Object "uploads", "s3:PutObject", DataWrite;
    CreateSession: GET Bucket "session", "s3express:CreateSession", DataRead;
    // The operations of accounts are not in the model of S3, but in that of its control plane.
    DeleteAccountPublicAccessBlock: DELETE Account "", "s3:PutAccountPublicAccessBlock", Write;
    DeleteBucket: DELETE Bucket "", "s3:DeleteBucket", Write;
    DeleteBucketAnalyticsConfiguration: DELETE Bucket "analytics", "s3:PutAnalyticsConfiguration", Write;
    DeleteBucketCors: DELETE Bucket "cors", "s3:PutBucketCORS", Write;
    DeleteBucketEncryption: DELETE Bucket "encryption", "s3:PutEncryptionConfiguration", Write;
    DeleteBucketIntelligentTieringConfiguration: DELETE Bucket "intelligent-tiering", "s3:PutIntelligentTieringConfiguration", Write;
    DeleteBucketInventoryConfiguration: DELETE Bucket "inventory", "s3:PutInventoryConfiguration", Write;
    DeleteBucketLifecycle: DELETE Bucket "lifecycle", "s3:PutLifecycleConfiguration", Write;
    DeleteBucketMetadataConfiguration: DELETE Bucket "metadataConfiguration", "s3:DeleteBucketMetadataTableConfiguration", Write;
    DeleteBucketMetadataTableConfiguration: DELETE Bucket "metadataTable", "s3:DeleteBucketMetadataTableConfiguration", Write;
    DeleteBucketMetricsConfiguration: DELETE Bucket "metrics", "s3:PutMetricsConfiguration", Write;
    DeleteBucketOwnershipControls: DELETE Bucket "ownershipControls", "s3:PutBucketOwnershipControls", Write;
    DeleteBucketPolicy: DELETE Bucket "policy", "s3:DeleteBucketPolicy", Write;
    DeleteBucketReplication: DELETE Bucket "replication", "s3:PutReplicationConfiguration", Write;
    DeleteBucketTagging: DELETE Bucket "tagging", "s3:PutBucketTagging", Write;
    DeleteBucketWebsite: DELETE Bucket "website", "s3:DeleteBucketWebsite", Write;
    DeleteObject: DELETE Object "", "s3:DeleteObject", DataWrite;
    DeleteObjectTagging: DELETE Object "tagging", "s3:DeleteObjectTagging", DataWrite;
    DeleteObjects: POST Bucket "delete", "s3:DeleteObject", DataWrite;
    DeletePublicAccessBlock: DELETE Bucket "publicAccessBlock", "s3:PutBucketPublicAccessBlock", Write;
    GetAccountPublicAccessBlock: GET Account "", "s3:GetAccountPublicAccessBlock", Read;
    GetBucketAbac: GET Bucket "abac", "s3:GetBucketAbac", Read;
    GetBucketAccelerateConfiguration: GET Bucket "accelerate", "s3:GetAccelerateConfiguration", Read;
    GetBucketAcl: GET Bucket "acl", "s3:GetBucketAcl", Read;
    GetBucketAnalyticsConfiguration: GET Bucket "analytics", "s3:GetAnalyticsConfiguration", Read;
    GetBucketCors: GET Bucket "cors", "s3:GetBucketCORS", Read;
    GetBucketEncryption: GET Bucket "encryption", "s3:GetEncryptionConfiguration", Read;
    GetBucketIntelligentTieringConfiguration: GET Bucket "intelligent-tiering", "s3:GetIntelligentTieringConfiguration", Read;
    GetBucketInventoryConfiguration: GET Bucket "inventory", "s3:GetInventoryConfiguration", Read;
    GetBucketLifecycleConfiguration: GET Bucket "lifecycle", "s3:GetLifecycleConfiguration", Read;
    GetBucketLocation: GET Bucket "location", "s3:GetBucketLocation", Read;
    GetBucketLogging: GET Bucket "logging", "s3:GetBucketLogging", Read;
    GetBucketMetadataConfiguration: GET Bucket "metadataConfiguration", "s3:GetBucketMetadataTableConfiguration", Read;
    GetBucketMetadataTableConfiguration: GET Bucket "metadataTable", "s3:GetBucketMetadataTableConfiguration", Read;
    GetBucketMetricsConfiguration: GET Bucket "metrics", "s3:GetMetricsConfiguration", Read;
    GetBucketNotificationConfiguration: GET Bucket "notification", "s3:GetBucketNotification", Read;
    GetBucketOwnershipControls: GET Bucket "ownershipControls", "s3:GetBucketOwnershipControls", Read;
    GetBucketPolicy: GET Bucket "policy", "s3:GetBucketPolicy", Read;
    GetBucketPolicyStatus: GET Bucket "policyStatus", "s3:GetBucketPolicyStatus", Read;
    GetBucketReplication: GET Bucket "replication", "s3:GetReplicationConfiguration", Read;
    GetBucketRequestPayment: GET Bucket "requestPayment", "s3:GetBucketRequestPayment", Read;
    GetBucketTagging: GET Bucket "tagging", "s3:GetBucketTagging", Read;
    GetBucketVersioning: GET Bucket "versioning", "s3:GetBucketVersioning", Read;
    GetBucketWebsite: GET Bucket "website", "s3:GetBucketWebsite", Read;
    GetObject: GET Object "", "s3:GetObject", DataRead;
    GetObjectAcl: GET Object "acl", "s3:GetObjectAcl", DataRead;
    GetObjectAttributes: GET Object "attributes", "s3:GetObjectAttributes", DataRead;
    GetObjectLegalHold: GET Object "legal-hold", "s3:GetObjectLegalHold", DataRead;
    GetObjectLockConfiguration: GET Bucket "object-lock", "s3:GetBucketObjectLockConfiguration", Read;
    GetObjectRetention: GET Object "retention", "s3:GetObjectRetention", DataRead;
    GetObjectTagging: GET Object "tagging", "s3:GetObjectTagging", DataRead;
    GetObjectTorrent: GET Object "torrent", "s3:GetObjectTorrent", DataRead;
    GetPublicAccessBlock: GET Bucket "publicAccessBlock", "s3:GetBucketPublicAccessBlock", Read;
    HeadBucket: HEAD Bucket "", "s3:ListBucket", DataRead;
    HeadObject: HEAD Object "", "s3:GetObject", DataRead;
    ListBucketAnalyticsConfigurations: GET Bucket "analytics", "s3:GetAnalyticsConfiguration", Read;
    ListBucketIntelligentTieringConfigurations: GET Bucket "intelligent-tiering", "s3:GetIntelligentTieringConfiguration", Read;
    ListBucketInventoryConfigurations: GET Bucket "inventory", "s3:GetInventoryConfiguration", Read;
    ListBucketMetricsConfigurations: GET Bucket "metrics", "s3:GetMetricsConfiguration", Read;
    ListBuckets: GET Service "", "s3:ListAllMyBuckets", Read;
    ListDirectoryBuckets: GET Service "", "s3express:ListAllMyDirectoryBuckets", Read;
    ListMultipartUploads: GET Bucket "uploads", "s3:ListBucketMultipartUploads", DataRead;
    ListObjectVersions: GET Bucket "versions", "s3:ListBucketVersions", DataRead;
    ListObjects: GET Bucket "", "s3:ListBucket", DataRead;
    ListObjectsV2: GET Bucket "", "s3:ListBucket", DataRead;
    ListParts: GET Object "uploadId", "s3:ListMultipartUploadParts", DataRead;
    // Not in the model, since browsers send it, not SDKs.
    PostObject: POST Bucket "", "s3:PutObject", DataWrite;
    PutAccountPublicAccessBlock: PUT Account "", "s3:PutAccountPublicAccessBlock", Write;
    PutBucketAbac: PUT Bucket "abac", "s3:PutBucketAbac", Write;
    PutBucketAccelerateConfiguration: PUT Bucket "accelerate", "s3:PutAccelerateConfiguration", Write;
    PutBucketAcl: PUT Bucket "acl", "s3:PutBucketAcl", Write;
    PutBucketAnalyticsConfiguration: PUT Bucket "analytics", "s3:PutAnalyticsConfiguration", Write;
    PutBucketCors: PUT Bucket "cors", "s3:PutBucketCORS", Write;
    PutBucketEncryption: PUT Bucket "encryption", "s3:PutEncryptionConfiguration", Write;
    PutBucketIntelligentTieringConfiguration: PUT Bucket "intelligent-tiering", "s3:PutIntelligentTieringConfiguration", Write;
    PutBucketInventoryConfiguration: PUT Bucket "inventory", "s3:PutInventoryConfiguration", Write;
    PutBucketLifecycleConfiguration: PUT Bucket "lifecycle", "s3:PutLifecycleConfiguration", Write;
    PutBucketLogging: PUT Bucket "logging", "s3:PutBucketLogging", Write;
    PutBucketMetricsConfiguration: PUT Bucket "metrics", "s3:PutMetricsConfiguration", Write;
    PutBucketNotificationConfiguration: PUT Bucket "notification", "s3:PutBucketNotification", Write;
    PutBucketOwnershipControls: PUT Bucket "ownershipControls", "s3:PutBucketOwnershipControls", Write;
    PutBucketPolicy: PUT Bucket "policy", "s3:PutBucketPolicy", Write;
    PutBucketReplication: PUT Bucket "replication", "s3:PutReplicationConfiguration", Write;
    PutBucketRequestPayment: PUT Bucket "requestPayment", "s3:PutBucketRequestPayment", Write;
    PutBucketTagging: PUT Bucket "tagging", "s3:PutBucketTagging", Write;
    PutBucketVersioning: PUT Bucket "versioning", "s3:PutBucketVersioning", Write;
    PutBucketWebsite: PUT Bucket "website", "s3:PutBucketWebsite", Write;
    PutObject: PUT Object "", "s3:PutObject", DataWrite;
    PutObjectAcl: PUT Object "acl", "s3:PutObjectAcl", DataWrite;
    PutObjectLegalHold: PUT Object "legal-hold", "s3:PutObjectLegalHold", DataWrite;
    PutObjectLockConfiguration: PUT Bucket "object-lock", "s3:PutBucketObjectLockConfiguration", Write;
    PutObjectRetention: PUT Object "retention", "s3:PutObjectRetention", DataWrite;
    PutObjectTagging: PUT Object "tagging", "s3:PutObjectTagging", DataWrite;
    PutPublicAccessBlock: PUT Bucket "publicAccessBlock", "s3:PutBucketPublicAccessBlock", Write;
    RenameObject: PUT Object "renameObject", "s3express:RenameObject", DataWrite;
    RestoreObject: POST Object "restore", "s3:RestoreObject", DataWrite;
    SelectObjectContent: POST Object "select", "s3:GetObject", DataRead;
    UpdateBucketMetadataInventoryTableConfiguration: PUT Bucket "metadataInventoryTable", "s3:UpdateBucketMetadataInventoryTableConfiguration", Write;
    UpdateBucketMetadataJournalTableConfiguration: PUT Bucket "metadataJournalTable", "s3:UpdateBucketMetadataJournalTableConfiguration", Write;
    UpdateObjectEncryption: PUT Object "encryption", "s3:UpdateObjectEncryption", DataWrite;
    UploadPart: PUT Object "uploadId", "s3:PutObject", DataWrite;
    UploadPartCopy: PUT Object "uploadId", "s3:PutObject", DataWrite;
    // Its path is no bucket's name.
    WriteGetObjectResponse: POST Bucket "", "s3-object-lambda:WriteGetObjectResponse", Write;
}

use Operation as Op;

impl Operation {
    /// The permission it needs where the request names a version.
    pub fn version_action(self) -> &'static str {
        match self {
            Op::GetObject | Op::HeadObject | Op::SelectObjectContent => "s3:GetObjectVersion",
            Op::GetObjectAttributes => "s3:GetObjectVersionAttributes",
            Op::GetObjectAcl => "s3:GetObjectVersionAcl",
            Op::PutObjectAcl => "s3:PutObjectVersionAcl",
            Op::GetObjectTagging => "s3:GetObjectVersionTagging",
            Op::PutObjectTagging => "s3:PutObjectVersionTagging",
            Op::DeleteObjectTagging => "s3:DeleteObjectVersionTagging",
            Op::GetObjectTorrent => "s3:GetObjectVersionTorrent",
            Op::DeleteObject => "s3:DeleteObjectVersion",
            _ => self.action(),
        }
    }

    /// Whether its requests may name a version with `versionId`.
    pub fn takes_version(self) -> bool {
        matches!(
            self,
            Op::GetObject
                | Op::HeadObject
                | Op::GetObjectAttributes
                | Op::GetObjectAcl
                | Op::PutObjectAcl
                | Op::GetObjectTagging
                | Op::PutObjectTagging
                | Op::DeleteObjectTagging
                | Op::GetObjectRetention
                | Op::PutObjectRetention
                | Op::GetObjectLegalHold
                | Op::PutObjectLegalHold
                | Op::DeleteObject
                | Op::RestoreObject
                | Op::UpdateObjectEncryption
        )
    }

    /// The name of its events, where CloudTrail has another
    /// ([events](https://docs.aws.amazon.com/AmazonS3/latest/userguide/cloudtrail-logging-s3-info.html)).
    pub fn event_name(self) -> &'static str {
        match self {
            // One name for both versions.
            Op::ListObjectsV2 => "ListObjects",
            Op::GetBucketLifecycleConfiguration => "GetBucketLifecycle",
            Op::PutBucketLifecycleConfiguration => "PutBucketLifecycle",
            Op::GetBucketNotificationConfiguration => "GetBucketNotification",
            Op::PutBucketNotificationConfiguration => "PutBucketNotification",
            Op::GetPublicAccessBlock => "GetBucketPublicAccessBlock",
            Op::PutPublicAccessBlock => "PutBucketPublicAccessBlock",
            Op::DeletePublicAccessBlock => "DeleteBucketPublicAccessBlock",
            Op::GetObjectLockConfiguration => "GetBucketObjectLockConfiguration",
            Op::PutObjectLockConfiguration => "PutBucketObjectLockConfiguration",
            Op::GetBucketAccelerateConfiguration => "GetAccelerateConfiguration",
            Op::PutBucketAccelerateConfiguration => "PutAccelerateConfiguration",
            op => op.name(),
        }
    }

    /// The encryption headers it takes; any other is refused.
    pub fn accepts(self) -> Accepts {
        let (mode, customer, source) = match self {
            Op::PutObject | Op::CreateMultipartUpload => (true, true, false),
            Op::CopyObject => (true, true, true),
            Op::UploadPartCopy => (false, true, true),
            Op::GetObject
            | Op::HeadObject
            | Op::GetObjectAttributes
            | Op::UploadPart
            | Op::CompleteMultipartUpload
            | Op::ListParts => (false, true, false),
            _ => (false, false, false),
        };
        Accepts {
            mode,
            customer,
            source,
        }
    }
}
