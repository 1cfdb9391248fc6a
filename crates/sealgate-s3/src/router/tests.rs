//! Every operation of S3 reaches itself or is refused; none reaches another.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;

fn of(method: Method, path: &str, query: &str) -> Result<Operation> {
    route(
        &method,
        &target(None, path, &[]).unwrap(),
        &Query::parse(query),
        false,
    )
}

#[test]
fn path_and_host_name_the_same_object() {
    let domains = ["example.com".to_owned()];
    let path = target(Some("example.com:9000"), "/bucket/a/b%20c", &domains).unwrap();
    let host = target(Some("bucket.example.com:9000"), "/a/b%20c", &domains).unwrap();
    assert_eq!(path, host);
    assert_eq!(path.key.as_deref(), Some("a/b c"));
    assert_eq!(
        target(Some("[::1]:9000"), "/bucket", &domains).unwrap().key,
        None
    );
}

#[test]
fn slashes_and_dot_segments_of_keys_are_kept() {
    assert_eq!(
        target(None, "/b//a/../b/", &[]).unwrap().key.as_deref(),
        Some("/a/../b/")
    );
}

#[test]
fn subresources_without_an_operation_never_reach_another_one() {
    for name in UNSUPPORTED {
        for method in [Method::GET, Method::PUT, Method::DELETE, Method::POST] {
            for path in ["/bucket", "/bucket/key"] {
                let error = of(method.clone(), path, name).unwrap_err();
                assert_eq!(error.kind(), Code::NotImplemented, "{method} {path}?{name}");
            }
        }
    }
}

#[test]
fn operations_are_chosen_by_method_and_query() {
    assert_eq!(of(Method::GET, "/", "").unwrap(), Op::ListBuckets);
    assert_eq!(
        of(Method::GET, "/b", "list-type=2&prefix=x").unwrap(),
        Op::ListObjectsV2
    );
    assert_eq!(of(Method::GET, "/b/", "").unwrap(), Op::ListObjects);
    assert_eq!(
        of(Method::PUT, "/b/k", "partNumber=1&uploadId=x").unwrap(),
        Op::UploadPart
    );
    assert_eq!(
        of(Method::POST, "/b/k", "uploads").unwrap(),
        Op::CreateMultipartUpload
    );
    assert_eq!(
        of(Method::PATCH, "/b/k", "").unwrap_err().kind(),
        Code::MethodNotAllowed
    );
}

/// Every operation of the S3 API, as botocore 1.43.11 sends it.
const OPERATIONS: [(&str, &str, &str); 111] = [
    ("AbortMultipartUpload", "DELETE", "/bucket/key?uploadId=x"),
    ("CompleteMultipartUpload", "POST", "/bucket/key?uploadId=x"),
    ("CopyObject", "PUT", "/bucket/key"),
    ("CreateBucket", "PUT", "/bucket"),
    (
        "CreateBucketMetadataConfiguration",
        "POST",
        "/bucket?metadataConfiguration",
    ),
    (
        "CreateBucketMetadataTableConfiguration",
        "POST",
        "/bucket?metadataTable",
    ),
    ("CreateMultipartUpload", "POST", "/bucket/key?uploads"),
    ("CreateSession", "GET", "/bucket?session"),
    ("DeleteBucket", "DELETE", "/bucket"),
    (
        "DeleteBucketAnalyticsConfiguration",
        "DELETE",
        "/bucket?analytics&id=x",
    ),
    ("DeleteBucketCors", "DELETE", "/bucket?cors"),
    ("DeleteBucketEncryption", "DELETE", "/bucket?encryption"),
    (
        "DeleteBucketIntelligentTieringConfiguration",
        "DELETE",
        "/bucket?intelligent-tiering&id=x",
    ),
    (
        "DeleteBucketInventoryConfiguration",
        "DELETE",
        "/bucket?inventory&id=x",
    ),
    ("DeleteBucketLifecycle", "DELETE", "/bucket?lifecycle"),
    (
        "DeleteBucketMetadataConfiguration",
        "DELETE",
        "/bucket?metadataConfiguration",
    ),
    (
        "DeleteBucketMetadataTableConfiguration",
        "DELETE",
        "/bucket?metadataTable",
    ),
    (
        "DeleteBucketMetricsConfiguration",
        "DELETE",
        "/bucket?metrics&id=x",
    ),
    (
        "DeleteBucketOwnershipControls",
        "DELETE",
        "/bucket?ownershipControls",
    ),
    ("DeleteBucketPolicy", "DELETE", "/bucket?policy"),
    ("DeleteBucketReplication", "DELETE", "/bucket?replication"),
    ("DeleteBucketTagging", "DELETE", "/bucket?tagging"),
    ("DeleteBucketWebsite", "DELETE", "/bucket?website"),
    ("DeleteObject", "DELETE", "/bucket/key"),
    ("DeleteObjectTagging", "DELETE", "/bucket/key?tagging"),
    ("DeleteObjects", "POST", "/bucket?delete"),
    (
        "DeletePublicAccessBlock",
        "DELETE",
        "/bucket?publicAccessBlock",
    ),
    ("GetBucketAbac", "GET", "/bucket?abac"),
    (
        "GetBucketAccelerateConfiguration",
        "GET",
        "/bucket?accelerate",
    ),
    ("GetBucketAcl", "GET", "/bucket?acl"),
    (
        "GetBucketAnalyticsConfiguration",
        "GET",
        "/bucket?analytics&id=x",
    ),
    ("GetBucketCors", "GET", "/bucket?cors"),
    ("GetBucketEncryption", "GET", "/bucket?encryption"),
    (
        "GetBucketIntelligentTieringConfiguration",
        "GET",
        "/bucket?intelligent-tiering&id=x",
    ),
    (
        "GetBucketInventoryConfiguration",
        "GET",
        "/bucket?inventory&id=x",
    ),
    ("GetBucketLifecycle", "GET", "/bucket?lifecycle"),
    (
        "GetBucketLifecycleConfiguration",
        "GET",
        "/bucket?lifecycle",
    ),
    ("GetBucketLocation", "GET", "/bucket?location"),
    ("GetBucketLogging", "GET", "/bucket?logging"),
    (
        "GetBucketMetadataConfiguration",
        "GET",
        "/bucket?metadataConfiguration",
    ),
    (
        "GetBucketMetadataTableConfiguration",
        "GET",
        "/bucket?metadataTable",
    ),
    (
        "GetBucketMetricsConfiguration",
        "GET",
        "/bucket?metrics&id=x",
    ),
    ("GetBucketNotification", "GET", "/bucket?notification"),
    (
        "GetBucketNotificationConfiguration",
        "GET",
        "/bucket?notification",
    ),
    (
        "GetBucketOwnershipControls",
        "GET",
        "/bucket?ownershipControls",
    ),
    ("GetBucketPolicy", "GET", "/bucket?policy"),
    ("GetBucketPolicyStatus", "GET", "/bucket?policyStatus"),
    ("GetBucketReplication", "GET", "/bucket?replication"),
    ("GetBucketRequestPayment", "GET", "/bucket?requestPayment"),
    ("GetBucketTagging", "GET", "/bucket?tagging"),
    ("GetBucketVersioning", "GET", "/bucket?versioning"),
    ("GetBucketWebsite", "GET", "/bucket?website"),
    ("GetObject", "GET", "/bucket/key"),
    ("GetObjectAcl", "GET", "/bucket/key?acl"),
    ("GetObjectAttributes", "GET", "/bucket/key?attributes"),
    ("GetObjectLegalHold", "GET", "/bucket/key?legal-hold"),
    ("GetObjectLockConfiguration", "GET", "/bucket?object-lock"),
    ("GetObjectRetention", "GET", "/bucket/key?retention"),
    ("GetObjectTagging", "GET", "/bucket/key?tagging"),
    ("GetObjectTorrent", "GET", "/bucket/key?torrent"),
    ("GetPublicAccessBlock", "GET", "/bucket?publicAccessBlock"),
    ("HeadBucket", "HEAD", "/bucket"),
    ("HeadObject", "HEAD", "/bucket/key"),
    (
        "ListBucketAnalyticsConfigurations",
        "GET",
        "/bucket?analytics",
    ),
    (
        "ListBucketIntelligentTieringConfigurations",
        "GET",
        "/bucket?intelligent-tiering",
    ),
    (
        "ListBucketInventoryConfigurations",
        "GET",
        "/bucket?inventory",
    ),
    ("ListBucketMetricsConfigurations", "GET", "/bucket?metrics"),
    ("ListBuckets", "GET", "/"),
    ("ListDirectoryBuckets", "GET", "/"),
    ("ListMultipartUploads", "GET", "/bucket?uploads"),
    ("ListObjectVersions", "GET", "/bucket?versions"),
    ("ListObjects", "GET", "/bucket"),
    ("ListObjectsV2", "GET", "/bucket?list-type=2"),
    ("ListParts", "GET", "/bucket/key?uploadId=x"),
    ("PutBucketAbac", "PUT", "/bucket?abac"),
    (
        "PutBucketAccelerateConfiguration",
        "PUT",
        "/bucket?accelerate",
    ),
    ("PutBucketAcl", "PUT", "/bucket?acl"),
    (
        "PutBucketAnalyticsConfiguration",
        "PUT",
        "/bucket?analytics&id=x",
    ),
    ("PutBucketCors", "PUT", "/bucket?cors"),
    ("PutBucketEncryption", "PUT", "/bucket?encryption"),
    (
        "PutBucketIntelligentTieringConfiguration",
        "PUT",
        "/bucket?intelligent-tiering&id=x",
    ),
    (
        "PutBucketInventoryConfiguration",
        "PUT",
        "/bucket?inventory&id=x",
    ),
    ("PutBucketLifecycle", "PUT", "/bucket?lifecycle"),
    (
        "PutBucketLifecycleConfiguration",
        "PUT",
        "/bucket?lifecycle",
    ),
    ("PutBucketLogging", "PUT", "/bucket?logging"),
    (
        "PutBucketMetricsConfiguration",
        "PUT",
        "/bucket?metrics&id=x",
    ),
    ("PutBucketNotification", "PUT", "/bucket?notification"),
    (
        "PutBucketNotificationConfiguration",
        "PUT",
        "/bucket?notification",
    ),
    (
        "PutBucketOwnershipControls",
        "PUT",
        "/bucket?ownershipControls",
    ),
    ("PutBucketPolicy", "PUT", "/bucket?policy"),
    ("PutBucketReplication", "PUT", "/bucket?replication"),
    ("PutBucketRequestPayment", "PUT", "/bucket?requestPayment"),
    ("PutBucketTagging", "PUT", "/bucket?tagging"),
    ("PutBucketVersioning", "PUT", "/bucket?versioning"),
    ("PutBucketWebsite", "PUT", "/bucket?website"),
    ("PutObject", "PUT", "/bucket/key"),
    ("PutObjectAcl", "PUT", "/bucket/key?acl"),
    ("PutObjectLegalHold", "PUT", "/bucket/key?legal-hold"),
    ("PutObjectLockConfiguration", "PUT", "/bucket?object-lock"),
    ("PutObjectRetention", "PUT", "/bucket/key?retention"),
    ("PutObjectTagging", "PUT", "/bucket/key?tagging"),
    ("PutPublicAccessBlock", "PUT", "/bucket?publicAccessBlock"),
    ("RenameObject", "PUT", "/bucket/key?renameObject"),
    ("RestoreObject", "POST", "/bucket/key?restore"),
    (
        "SelectObjectContent",
        "POST",
        "/bucket/key?select&select-type=2",
    ),
    (
        "UpdateBucketMetadataInventoryTableConfiguration",
        "PUT",
        "/bucket?metadataInventoryTable",
    ),
    (
        "UpdateBucketMetadataJournalTableConfiguration",
        "PUT",
        "/bucket?metadataJournalTable",
    ),
    ("UpdateObjectEncryption", "PUT", "/bucket/key?encryption"),
    ("UploadPart", "PUT", "/bucket/key?partNumber=1&uploadId=x"),
    (
        "UploadPartCopy",
        "PUT",
        "/bucket/key?partNumber=1&uploadId=x",
    ),
    ("WriteGetObjectResponse", "POST", "/WriteGetObjectResponse"),
];

fn send(method: &str, uri: &str, copies: bool) -> Result<Operation> {
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    route(
        &method.parse().unwrap(),
        &target(None, path, &[]).unwrap(),
        &Query::parse(query),
        copies,
    )
}

/// Operations of the model whose requests are those of another one.
fn same_request(name: &str) -> &str {
    match name {
        "GetBucketLifecycle" => "GetBucketLifecycleConfiguration",
        "PutBucketLifecycle" => "PutBucketLifecycleConfiguration",
        "GetBucketNotification" => "GetBucketNotificationConfiguration",
        "PutBucketNotification" => "PutBucketNotificationConfiguration",
        name => name,
    }
}

#[test]
fn every_operation_of_s3_reaches_itself() {
    for (name, method, uri) in OPERATIONS {
        let copies = matches!(name, "CopyObject" | "UploadPartCopy");
        // Some SDKs say in the query which operation they mean; for botocore's ListDirectoryBuckets,
        // which does not, see below.
        let told = format!(
            "{uri}{}x-id={name}",
            if uri.contains('?') { '&' } else { '?' }
        );
        let mut forms = vec![told];
        if name != "ListDirectoryBuckets" {
            forms.push(uri.to_owned());
        }
        for uri in forms {
            let routed = send(method, &uri, copies).unwrap();
            assert_eq!(routed.name(), same_request(name), "{method} {uri}");
        }
    }
    for op in Operation::ALL {
        let known = OPERATIONS.iter().any(|(name, ..)| *name == op.name());
        let elsewhere = *op == Op::PostObject || op.level() == Level::Account;
        assert!(known || elsewhere, "{op:?}");
    }
}

#[test]
fn directory_buckets_are_told_where_the_request_tells() {
    for uri in ["/?max-directory-buckets=3", "/?x-id=ListDirectoryBuckets"] {
        assert_eq!(send("GET", uri, false).unwrap(), Op::ListDirectoryBuckets);
    }
}

#[test]
fn a_subresource_reaches_only_the_methods_and_levels_that_have_it() {
    for sub in subresources() {
        for path in ["/", "/bucket", "/bucket/key"] {
            for method in ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"] {
                let exists = Operation::ALL.iter().any(|op| {
                    let level = match path {
                        "/" => Level::Service,
                        "/bucket" => Level::Bucket,
                        _ => Level::Object,
                    };
                    op.level() == level && op.method() == method && op.subresource() == sub
                });
                // A PUT of a part also needs its number.
                let exists = exists && (method, sub) != ("PUT", "uploadId");
                for uri in [format!("{path}?{sub}"), format!("{path}?{sub}=")] {
                    let routed = send(method, &uri, false);
                    assert_eq!(routed.is_ok(), exists, "{method} {uri}");
                    assert!(routed.is_err() || routed.unwrap().subresource() == sub);
                }
            }
        }
    }
}

#[test]
fn parameters_of_an_operation_do_not_make_it_another() {
    let object = "versionId=null&partNumber=2&response-content-type=a&response-expires=b";
    let list = "prefix=acl&delimiter=%2F&marker=policy&max-keys=3&encoding-type=url";
    let v2 =
        "list-type=2&prefix=versions&start-after=uploads&fetch-owner=true&continuation-token=x";
    let uploads = "uploads&key-marker=acl&upload-id-marker=x&max-uploads=2&prefix=p&delimiter=d";
    let parts = "uploadId=acl&max-parts=2&part-number-marker=1";
    let signature = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=c&X-Amz-Date=d&X-Amz-Expires=9&X-Amz-SignedHeaders=host&X-Amz-Signature=0";
    for (method, path, query, op) in [
        ("GET", "/bucket/acl", object, Op::GetObject),
        ("HEAD", "/bucket/policy", object, Op::HeadObject),
        ("GET", "/bucket/uploads", signature, Op::GetObject),
        ("PUT", "/bucket/delete", signature, Op::PutObject),
        (
            "DELETE",
            "/bucket/versions",
            "versionId=null",
            Op::DeleteObject,
        ),
        (
            "GET",
            "/bucket/tagging",
            "attributes&versionId=null",
            Op::GetObjectAttributes,
        ),
        ("GET", "/bucket", list, Op::ListObjects),
        ("GET", "/bucket", v2, Op::ListObjectsV2),
        ("GET", "/bucket", uploads, Op::ListMultipartUploads),
        ("GET", "/bucket/key", parts, Op::ListParts),
        (
            "PUT",
            "/bucket/key",
            "partNumber=1&uploadId=torrent",
            Op::UploadPart,
        ),
        ("POST", "/bucket", "x-unknown=1", Op::PostObject),
        (
            "GET",
            "/",
            "max-buckets=2&prefix=acl&bucket-region=x&continuation-token=y",
            Op::ListBuckets,
        ),
        ("PUT", "/acl", "x-unknown=1", Op::CreateBucket),
    ] {
        let uri = format!("{path}?{query}");
        assert_eq!(send(method, &uri, false).unwrap(), op, "{method} {uri}");
    }
}

#[test]
fn what_would_fall_through_to_a_write_is_refused() {
    for (method, uri, kind) in [
        ("PUT", "/bucket/key?partNumber=1", Code::InvalidArgument),
        ("PUT", "/bucket/key?uploadId=x", Code::MethodNotAllowed),
        ("PUT", "/bucket/key?versionId=x", Code::InvalidArgument),
        (
            "POST",
            "/bucket/key?uploads&versionId=x",
            Code::InvalidArgument,
        ),
        ("GET", "/bucket?location&uploads", Code::InvalidArgument),
        ("GET", "/bucket?list-type=3", Code::InvalidArgument),
        ("POST", "/bucket/key", Code::MethodNotAllowed),
        ("PUT", "/", Code::MethodNotAllowed),
    ] {
        assert_eq!(
            send(method, uri, false).unwrap_err().kind(),
            kind,
            "{method} {uri}"
        );
    }
}
