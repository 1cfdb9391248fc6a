//! How fast a decision is. Run with `cargo test --release -p sealgate-policy --test speed -- --ignored`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

mod common;

use std::hint::black_box;
use std::time::Instant;

use common::*;
use sealgate_policy::*;
use serde_json::json;

#[test]
#[ignore = "a measurement, for a quiet machine and an optimised build"]
fn a_typical_pair_of_policies_is_decided_a_million_times_a_second() {
    let caller = bob(&[policy(json!([
        { "Sid": "List", "Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetBucketLocation"], "Resource": "arn:aws:s3:::data",
          "Condition": { "StringLike": { "s3:prefix": ["home/${aws:username}/*", ""] } } },
        { "Sid": "Keys", "Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "arn:aws:kms:us-east-1:111122223333:key/*" },
        { "Sid": "Objects", "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::data/home/*" },
    ]))]);
    let key = key_policy(&policy(json!([
        { "Sid": "Enable IAM User Permissions", "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::111122223333:root" }, "Action": "kms:*", "Resource": "*" },
        { "Sid": "TLS", "Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*",
          "Condition": { "Bool": { "aws:SecureTransport": "false" } } },
        { "Sid": "Through S3", "Effect": "Allow", "Principal": { "AWS": "*" }, "Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*",
          "Condition": { "StringEquals": { "kms:CallerAccount": ACCOUNT, "kms:ViaService": "s3.us-east-1.amazonaws.com" },
                         "StringLike": { "kms:EncryptionContext:aws:s3:arn": "arn:aws:s3:::data/*" } } },
    ])));
    let mut context = Context::new();
    context.insert("kms:ViaService", "s3.us-east-1.amazonaws.com");
    context.insert(
        "kms:EncryptionContext:aws:s3:arn",
        "arn:aws:s3:::data/home/bob/report.pdf",
    );
    const ROUNDS: u32 = 1_000_000;
    let start = Instant::now();
    for _ in 0..ROUNDS {
        assert!(
            kms(black_box(&caller), "kms:Decrypt", black_box(&key), &context) == Decision::Allowed
        );
    }
    let per_second = f64::from(ROUNDS) / start.elapsed().as_secs_f64();
    assert!(per_second >= 1e6, "{per_second:.0} decisions a second");
    eprintln!("{:.1} million decisions a second", per_second / 1e6);
}
