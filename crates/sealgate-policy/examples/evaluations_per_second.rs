//! How many decisions a second one core makes, for typical pairs of policies.
//!
//! `cargo run --release -p sealgate-policy --example evaluations_per_second`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use sealgate_policy::*;
use time::OffsetDateTime;

const KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

/// Five statements of a user: lists and reads in a home folder, uses keys, sees to the own access keys.
const IDENTITY: &str = r#"{"Version": "2012-10-17", "Statement": [
  {"Sid": "List", "Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": "arn:aws:s3:::data",
   "Condition": {"StringLike": {"s3:prefix": ["home/${aws:username}/*", ""]}}},
  {"Sid": "Objects", "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::data/home/${aws:username}/*"},
  {"Sid": "Keys", "Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "arn:aws:kms:us-east-1:111122223333:key/*"},
  {"Sid": "Own", "Effect": "Allow", "Action": "iam:*AccessKey*", "Resource": "arn:aws:iam::*:user/${aws:username}"},
  {"Sid": "Abroad", "Effect": "Deny", "NotAction": ["iam:*", "sts:*"], "Resource": "*",
   "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["us-east-1", "eu-west-1"]}}}
]}"#;

/// Four statements of a key: the account, its administrators, its use through S3, no cleartext.
const KEY_POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
  {"Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"},
  {"Sid": "Administrators", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:user/admin"},
   "Action": ["kms:Create*", "kms:Describe*", "kms:Enable*", "kms:Put*", "kms:ScheduleKeyDeletion"], "Resource": "*"},
  {"Sid": "Through S3", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*",
   "Condition": {"StringEquals": {"kms:CallerAccount": "111122223333", "kms:ViaService": "s3.us-east-1.amazonaws.com"},
                 "StringLike": {"kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::data/*"}}},
  {"Sid": "TLS", "Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
]}"#;

const BUCKET_POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
  {"Sid": "TLS", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
  {"Sid": "Encrypted", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::data/*",
   "Condition": {"StringNotEqualsIfExists": {"s3:x-amz-server-side-encryption": "aws:kms"}}},
  {"Sid": "Partner", "Effect": "Allow", "Principal": {"AWS": "444455556666"}, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::data/shared/*"},
  {"Sid": "Addresses", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", "Condition": {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}
]}"#;

fn alice() -> Caller {
    let principal = Principal {
        account_id: "111122223333".to_owned(),
        kind: PrincipalKind::User {
            name: "alice".to_owned(),
        },
        arn: "arn:aws:iam::111122223333:user/alice".to_owned(),
        id: "AIDACKCEVSQ6C2EXAMPLE".to_owned(),
        access_key_id: None,
    };
    let environment = Environment {
        source_ip: Some("203.0.113.7".parse().unwrap()),
        secure_transport: true,
        user_agent: Some("aws-cli/2.0".to_owned()),
        now: OffsetDateTime::now_utc(),
        region: "us-east-1".to_owned(),
    };
    let mut caller = Caller::new(principal, environment);
    let policy = Policy::parse_identity(IDENTITY).unwrap();
    caller.identity_policies = vec![AttachedPolicy::new("identity", policy)].into();
    caller
}

fn measure(what: &str, access: &Access<'_>) {
    // Short runs, of which the best was not interrupted by what else the machine does.
    const ROUNDS: u32 = 2_000;
    assert_eq!(authorize(access), Decision::Allowed, "{what}");
    let mut best = Duration::MAX;
    let end = Instant::now() + Duration::from_secs(3);
    while Instant::now() < end {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            assert!(authorize(black_box(access)) == Decision::Allowed);
        }
        best = best.min(start.elapsed());
    }
    let per_second = f64::from(ROUNDS) / best.as_secs_f64();
    println!(
        "{:6.2} million evaluations per second and core  {what}",
        per_second / 1e6
    );
}

fn main() {
    let user = alice();
    let mut bounded = user.clone();
    bounded.boundary = Some(AttachedPolicy::new(
        "boundary",
        Policy::parse_identity(IDENTITY).unwrap(),
    ));
    let key_policy = Policy::parse_key_policy(KEY_POLICY).unwrap();
    let bucket_policy = Policy::parse_bucket_policy(BUCKET_POLICY).unwrap();
    let mut context = Context::new();
    context.insert("kms:ViaService", "s3.us-east-1.amazonaws.com");
    context.insert(
        "kms:EncryptionContext:aws:s3:arn",
        "arn:aws:s3:::data/home/alice/report.pdf",
    );
    let direct = Context::new();
    let decrypt = Access {
        caller: &user,
        action: "kms:Decrypt",
        resource: KEY,
        resource_account: "111122223333",
        context: &context,
        resource_policy: Some(&key_policy),
        authority: Authority::KeyPolicy,
        grant: None,
    };
    measure(
        "kms:Decrypt through S3, allowed by the key policy",
        &decrypt,
    );
    measure(
        "kms:Decrypt, left to the identity policy by the key policy",
        &Access {
            context: &direct,
            ..decrypt
        },
    );
    measure(
        "kms:Decrypt, the same within a permissions boundary",
        &Access {
            caller: &bounded,
            context: &direct,
            ..decrypt
        },
    );
    measure(
        "s3:GetObject in the user's folder, with a bucket policy",
        &Access {
            action: "s3:GetObject",
            resource: "arn:aws:s3:::data/home/alice/report.pdf",
            context: &direct,
            resource_policy: Some(&bucket_policy),
            authority: Authority::Account,
            ..decrypt
        },
    );
}
