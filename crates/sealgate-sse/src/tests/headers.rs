//! The table of encryption headers: what each combination asks for, or how it is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use md5::{Digest as _, Md5};
use proptest::prelude::*;

use crate::{
    Accepts, BucketEncryption, DefaultAlgorithm, Mode, Requested, SSE_HEADERS, SseError, WriteMode,
    check_headers, parse_copy_source, parse_read, parse_write,
};

const SSE: &str = "x-amz-server-side-encryption";
const KEY_ID: &str = "x-amz-server-side-encryption-aws-kms-key-id";
const CONTEXT: &str = "x-amz-server-side-encryption-context";
const BUCKET_KEY: &str = "x-amz-server-side-encryption-bucket-key-enabled";
const ALGORITHM: &str = "x-amz-server-side-encryption-customer-algorithm";
const KEY: &str = "x-amz-server-side-encryption-customer-key";
const MD5: &str = "x-amz-server-side-encryption-customer-key-md5";

const NEEDS_KMS: &str = "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms";
const NO_ALGORITHM: &str = "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.";
const NO_KEY: &str = "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.";
const NO_MD5: &str = "Requests specifying Server Side Encryption with Customer provided keys must provide the client calculated MD5 of the secret key.";
const BAD_KEY: &str = "The secret key was invalid for the specified algorithm.";
const BAD_MD5: &str =
    "The calculated MD5 hash of the key did not match the hash that was provided.";
const INCOMPATIBLE: &str = "Server Side Encryption with Customer provided key is incompatible with the encryption method specified";
const BAD_CONTEXT: &str = "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON which represents a string-string map";

pub(super) fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(
            HeaderName::try_from(*name).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    headers
}

/// The three headers of a customer key.
pub(super) fn customer(key: &[u8]) -> [(&'static str, String); 3] {
    [
        (ALGORITHM, "AES256".to_owned()),
        (KEY, STANDARD.encode(key)),
        (MD5, STANDARD.encode(Md5::digest(key))),
    ]
}

fn customer_headers(key: &[u8], change: impl Fn(&mut HeaderMap)) -> HeaderMap {
    let pairs = customer(key);
    let pairs: Vec<_> = pairs.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let mut headers = headers(&pairs);
    change(&mut headers);
    headers
}

fn set(name: &'static str, value: &'static str) -> impl Fn(&mut HeaderMap) {
    move |headers| {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn without(name: &'static str) -> impl Fn(&mut HeaderMap) {
    move |headers| {
        headers.remove(name);
    }
}

fn describe(requested: &Requested) -> String {
    match requested {
        Requested::Default { bucket_key } => format!("default {bucket_key:?}"),
        Requested::S3 => "s3".to_owned(),
        Requested::Kms {
            key_id,
            context,
            bucket_key,
        } => format!("kms {key_id:?} {} {bucket_key:?}", context.len()),
        Requested::Dsse { key_id, context } => format!("dsse {key_id:?} {}", context.len()),
        Requested::Customer(_) => "customer".to_owned(),
    }
}

/// Name, value and words of an `InvalidArgument`.
fn argument<T>(result: Result<T, SseError>) -> (&'static str, String, String) {
    match result.err().unwrap() {
        SseError::InvalidArgument {
            message,
            name,
            value,
        } => (name, value, message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_write_asks_for_a_mode() {
    for (pairs, expected) in [
        (&[][..], "default None"),
        (&[(BUCKET_KEY, "true")], "default Some(true)"),
        (&[(BUCKET_KEY, "FALSE")], "default Some(false)"),
        (&[(SSE, "AES256")], "s3"),
        (&[(SSE, "aws:kms")], "kms None 0 None"),
        (
            &[
                (SSE, "aws:kms"),
                (KEY_ID, "alias/a"),
                (CONTEXT, "e30="),
                (BUCKET_KEY, "true"),
            ],
            "kms Some(\"alias/a\") 0 Some(true)",
        ),
        // {"a":"b"}
        (
            &[(SSE, "aws:kms"), (CONTEXT, "eyJhIjoiYiJ9")],
            "kms None 1 None",
        ),
        (
            &[(SSE, "aws:kms:dsse"), (KEY_ID, "k")],
            "dsse Some(\"k\") 0",
        ),
        (
            &[(SSE, "aws:kms:dsse"), (BUCKET_KEY, "false")],
            "dsse None 0",
        ),
    ] {
        let requested = parse_write(&headers(pairs), false).unwrap();
        assert_eq!(describe(&requested), expected, "{pairs:?}");
    }
    let requested = parse_write(&customer_headers(&[7; 32], |_| {}), false).unwrap();
    assert_eq!(describe(&requested), "customer");
}

#[test]
fn a_write_that_cannot_be_honoured_is_an_invalid_argument() {
    for (pairs, name, value, message) in [
        (&[(KEY_ID, "k")][..], SSE, "null", NEEDS_KMS),
        (&[(CONTEXT, "e30=")], SSE, "null", NEEDS_KMS),
        (&[(SSE, "AES256"), (KEY_ID, "k")], SSE, "AES256", NEEDS_KMS),
        (
            &[(SSE, "AES256"), (CONTEXT, "e30=")],
            SSE,
            "AES256",
            NEEDS_KMS,
        ),
        (
            &[(SSE, "")],
            SSE,
            "",
            "The encryption method specified is not supported",
        ),
        (
            &[(SSE, "aes256")],
            SSE,
            "aes256",
            "The encryption method specified is not supported",
        ),
        (
            &[(SSE, "aws:fsx")],
            SSE,
            "aws:fsx",
            "The encryption method specified is not supported",
        ),
        (
            &[(SSE, "aws:kms"), (KEY_ID, "")],
            KEY_ID,
            "",
            "The KMS key id must not be empty.",
        ),
        (
            &[(SSE, "aws:kms"), (CONTEXT, "%")],
            CONTEXT,
            "%",
            BAD_CONTEXT,
        ),
        // []
        (
            &[(SSE, "aws:kms"), (CONTEXT, "W10=")],
            CONTEXT,
            "W10=",
            BAD_CONTEXT,
        ),
        // {"a":1}
        (
            &[(SSE, "aws:kms"), (CONTEXT, "eyJhIjoxfQ==")],
            CONTEXT,
            "eyJhIjoxfQ==",
            BAD_CONTEXT,
        ),
        // {"a":"b","a":"c"}
        (
            &[(SSE, "aws:kms:dsse"), (CONTEXT, "eyJhIjoiYiIsImEiOiJjIn0=")],
            CONTEXT,
            "eyJhIjoiYiIsImEiOiJjIn0=",
            BAD_CONTEXT,
        ),
        // {"aws:s3:arn":"x"}
        (
            &[(SSE, "aws:kms"), (CONTEXT, "eyJhd3M6czM6YXJuIjoieCJ9")],
            CONTEXT,
            "eyJhd3M6czM6YXJuIjoieCJ9",
            BAD_CONTEXT,
        ),
        (
            &[(BUCKET_KEY, "yes")],
            BUCKET_KEY,
            "yes",
            "The x-amz-server-side-encryption-bucket-key-enabled header must be true or false.",
        ),
        (
            &[(SSE, "AES256"), (BUCKET_KEY, "true")],
            BUCKET_KEY,
            "AES256",
            "A Bucket Key can be used only with x-amz-server-side-encryption : aws:kms",
        ),
        (
            &[(SSE, "aws:kms:dsse"), (BUCKET_KEY, "true")],
            BUCKET_KEY,
            "true",
            "Bucket Keys are not supported for dual-layer server-side encryption with AWS KMS keys.",
        ),
        (
            &[(SSE, "AES256"), (ALGORITHM, "AES256")],
            SSE,
            "AES256",
            INCOMPATIBLE,
        ),
        // Incompatible comes before the algorithm.
        (
            &[(SSE, "aws:kms"), (ALGORITHM, "AES128")],
            SSE,
            "aws:kms",
            INCOMPATIBLE,
        ),
        (
            &[(ALGORITHM, "AES256"), (KEY_ID, "k")],
            SSE,
            "null",
            NEEDS_KMS,
        ),
    ] {
        let refused = argument(parse_write(&headers(pairs), false));
        assert_eq!(
            refused,
            (name, value.to_owned(), message.to_owned()),
            "{pairs:?}"
        );
    }
    let both = customer_headers(&[7; 32], set(BUCKET_KEY, "true"));
    assert_eq!(argument(parse_write(&both, false)).0, BUCKET_KEY);
}

#[test]
fn a_customer_key_is_checked_in_the_order_of_s3_and_nothing_of_it_is_repeated() {
    let key = [7; 32];
    let cases: [(HeaderMap, &str); 7] = [
        (customer_headers(&key, without(ALGORITHM)), NO_ALGORITHM),
        (customer_headers(&key, without(KEY)), NO_KEY),
        (customer_headers(&key, without(MD5)), NO_MD5),
        (customer_headers(&key, set(KEY, "not base64!")), BAD_KEY),
        (customer_headers(&key, set(MD5, "AAAA")), BAD_MD5),
        (customer_headers(&key, set(MD5, "not base64!")), BAD_MD5),
        // The MD5 is tested before the length.
        (customer_headers(&key[..16], set(MD5, "AAAA")), BAD_MD5),
    ];
    for (headers, message) in &cases {
        let expected = (SSE, "null".to_owned(), (*message).to_owned());
        assert_eq!(argument(parse_read(headers)), expected);
        assert_eq!(argument(parse_write(headers, false)), expected);
    }
    // A write hears of a wrong length; a read learns later that the key is not the object's.
    let short = customer_headers(&key[..16], |_| {});
    assert_eq!(argument(parse_write(&short, false)).2, BAD_KEY);
    assert!(parse_read(&short).unwrap().is_some());
    let algorithm = customer_headers(&key, set(ALGORITHM, "AES128"));
    for refused in [
        parse_read(&algorithm).err().unwrap(),
        parse_write(&algorithm, false).err().unwrap(),
    ] {
        assert!(
            matches!(refused, SseError::InvalidEncryptionAlgorithm { value } if value == "AES128")
        );
    }
}

#[test]
fn the_key_of_a_source_has_headers_of_its_own() {
    let pairs = customer(&[7; 32]);
    let pairs = pairs.map(|(name, value)| {
        (
            name.replace("x-amz-server", "x-amz-copy-source-server"),
            value,
        )
    });
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    let headers = headers(&pairs);
    assert!(parse_copy_source(&headers).unwrap().is_some());
    assert!(parse_read(&headers).unwrap().is_none());
    let requested = parse_write(&headers, false).unwrap();
    assert_eq!(describe(&requested), "default None");
}

#[test]
fn a_bucket_that_blocks_customer_keys_does_not_look_at_them() {
    for headers in [
        customer_headers(&[7; 32], |_| {}),
        customer_headers(&[7; 3], set(ALGORITHM, "nonsense")),
        customer_headers(&[7; 32], without(KEY)),
    ] {
        assert!(matches!(
            parse_write(&headers, true),
            Err(SseError::CustomerKeysBlocked)
        ));
    }
    assert!(parse_write(&headers(&[(SSE, "aws:kms")]), true).is_ok());
}

#[test]
fn every_header_is_taken_or_refused() {
    let all = Accepts {
        mode: true,
        customer: true,
        source: true,
    };
    for name in SSE_HEADERS {
        let sent = headers(&[(name, "AES256")]);
        assert!(check_headers(&sent, all).is_ok(), "{name}");
        let mut less = all;
        match name {
            SSE | KEY_ID | CONTEXT | BUCKET_KEY => less.mode = false,
            name if name.starts_with("x-amz-copy-source") => less.source = false,
            _ => less.customer = false,
        }
        for accepts in [less, Accepts::default()] {
            let (argument, value, message) = argument(check_headers(&sent, accepts));
            match name {
                SSE => assert_eq!(value, "AES256"),
                KEY_ID => assert_eq!((argument, message.as_str()), (SSE, NEEDS_KMS)),
                // A key is not repeated.
                _ => assert_eq!((argument, value.as_str()), (name, "null")),
            }
        }
        let twice = headers(&[(name, "AES256"), (name, "AES256")]);
        assert_eq!(argument(check_headers(&twice, all)).0, name);
    }
    for unknown in [
        "x-amz-server-side-encryption-new",
        "x-amz-copy-source-server-side-encryption",
        "x-amz-server-side-encryption-customer-key-sha256",
    ] {
        assert!(
            check_headers(&headers(&[(unknown, "x")]), all).is_err(),
            "{unknown}"
        );
    }
    let other = headers(&[
        ("x-amz-acl", "private"),
        ("x-amz-meta-server-side-encryption", "x"),
    ]);
    assert!(check_headers(&other, Accepts::default()).is_ok());
}

#[test]
fn what_a_request_leaves_open_the_bucket_decides() {
    let bucket = |algorithm, bucket_key_enabled| BucketEncryption {
        algorithm,
        kms_key_id: Some("alias/bucket".to_owned()),
        bucket_key_enabled,
        blocks_customer_keys: false,
    };
    let effective = |pairs: &[(&str, &str)], bucket: &BucketEncryption| {
        let mode = parse_write(&headers(pairs), false)?.effective(bucket)?;
        Ok::<_, SseError>(match mode {
            WriteMode::Kms {
                key_id, bucket_key, ..
            } => (Mode::Kms, key_id, bucket_key),
            WriteMode::Dsse { key_id, .. } => (Mode::Dsse, key_id, false),
            other => (other.mode(), None, false),
        })
    };
    use DefaultAlgorithm::{Dsse, Kms, S3};
    let own = || Some("alias/bucket".to_owned());
    for (pairs, settings, expected) in [
        (
            &[][..],
            BucketEncryption::unset(false),
            (Mode::S3, None, false),
        ),
        (&[], bucket(S3, true), (Mode::S3, None, false)),
        (&[], bucket(Kms, false), (Mode::Kms, own(), false)),
        (&[], bucket(Kms, true), (Mode::Kms, own(), true)),
        (
            &[(BUCKET_KEY, "false")],
            bucket(Kms, true),
            (Mode::Kms, own(), false),
        ),
        (
            &[(BUCKET_KEY, "true")],
            bucket(Kms, false),
            (Mode::Kms, own(), true),
        ),
        (&[], bucket(Dsse, false), (Mode::Dsse, own(), false)),
        // A mode of the request does not take the bucket's key, but its choice of a Bucket Key.
        (
            &[(SSE, "aws:kms")],
            bucket(Kms, true),
            (Mode::Kms, None, true),
        ),
        (
            &[(SSE, "aws:kms")],
            bucket(S3, true),
            (Mode::Kms, None, true),
        ),
        (
            &[(SSE, "AES256")],
            bucket(Kms, true),
            (Mode::S3, None, false),
        ),
    ] {
        assert_eq!(effective(pairs, &settings).unwrap(), expected, "{pairs:?}");
    }
    for settings in [bucket(S3, false), bucket(Dsse, false)] {
        let refused = effective(&[(BUCKET_KEY, "true")], &settings);
        assert_eq!(argument(refused).0, BUCKET_KEY);
    }
}

proptest! {
    #[test]
    fn arbitrary_headers_never_panic(
        sent in proptest::collection::vec(
            (0..SSE_HEADERS.len(), proptest::collection::vec(any::<u8>(), 0..60)), 0..6),
        blocks in any::<bool>(),
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(HeaderName::from_static(SSE_HEADERS[name]), value);
            }
        }
        let _ = check_headers(&headers, Accepts::default());
        let _ = parse_write(&headers, blocks);
        let _ = parse_read(&headers);
        let _ = parse_copy_source(&headers);
    }

    #[test]
    fn arbitrary_contexts_never_panic(json in proptest::collection::vec(any::<u8>(), 0..200)) {
        let encoded = STANDARD.encode(json);
        let _ = parse_write(&headers(&[(SSE, "aws:kms"), (CONTEXT, &encoded)]), false);
    }

    #[test]
    fn a_map_of_strings_is_a_context(
        pairs in proptest::collection::btree_map(".{0,20}", ".{0,20}", 0..6),
    ) {
        prop_assume!(!pairs.contains_key("aws:s3:arn"));
        let encoded = STANDARD.encode(serde_json::to_vec(&pairs).unwrap());
        let requested = parse_write(&headers(&[(SSE, "aws:kms"), (CONTEXT, &encoded)]), false);
        let Ok(Requested::Kms { context, .. }) = requested else {
            return Err(TestCaseError::fail("refused"));
        };
        let read: Vec<_> = context.iter().collect();
        let sent: Vec<_> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        prop_assert_eq!(read, sent);
    }
}
