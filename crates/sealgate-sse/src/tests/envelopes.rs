//! Envelopes as the index keeps them, and what answers say of them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::envelope::{KmsWrap, WrappedKey};
use crate::{Envelope, Mode, SseError};

/// What an envelope of any mode is made of. It has no `Debug` itself.
type Pieces = (u8, String, BTreeMap<String, String>, bool, [Vec<u8>; 3]);

fn pieces() -> impl Strategy<Value = Pieces> {
    let context = proptest::collection::btree_map(".{0,12}", ".{0,12}", 0..4);
    let bytes = || proptest::collection::vec(any::<u8>(), 0..120);
    let keys = [bytes(), bytes(), bytes()];
    (0..4_u8, ".{0,40}", context, any::<bool>(), keys)
}

fn envelope((mode, key, context, bucket_key, keys): Pieces) -> Envelope {
    let [first, second, third] = keys.map(WrappedKey::new);
    let wrap = |kek, dek| KmsWrap {
        key,
        context,
        bucket_key,
        kek,
        dek,
    };
    match mode {
        0 => Envelope::S3 { dek: first },
        1 => Envelope::Kms(wrap(first, second)),
        2 => Envelope::Dsse {
            inner: wrap(first, second),
            outer: third,
        },
        _ => Envelope::Customer {
            salt: first,
            check: second,
            dek: third,
            origin: None,
        },
    }
}

proptest! {
    #[test]
    fn an_envelope_survives_the_index(pieces in pieces()) {
        let envelope = envelope(pieces);
        let read = Envelope::from_bytes(&envelope.to_bytes().unwrap()).ok();
        prop_assert!(read.is_some_and(|read| read == envelope));
    }

    #[test]
    fn arbitrary_bytes_are_damaged_and_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = Envelope::from_bytes(&bytes) {
            prop_assert!(matches!(error, SseError::Damaged));
        }
    }
}

fn shown(envelope: &Envelope, written: bool) -> BTreeMap<String, String> {
    envelope
        .response_headers(None, written)
        .into_iter()
        .map(|(name, value)| {
            let name = name.as_str().replace("x-amz-server-side-encryption", "sse");
            (name, value.to_str().unwrap().to_owned())
        })
        .collect()
}

#[test]
fn answers_tell_the_mode_and_only_writes_the_context() {
    let key = || WrappedKey::new(vec![1; 32]);
    let wrap = |bucket_key| KmsWrap {
        key: "arn:aws:kms:r:1:key/k".to_owned(),
        context: [("a".to_owned(), "b".to_owned())].into(),
        bucket_key,
        kek: key(),
        dek: key(),
    };
    let expect = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect()
    };
    let s3 = Envelope::S3 { dek: key() };
    assert_eq!(shown(&s3, true), expect(&[("sse", "AES256")]));
    let arn = ("sse-aws-kms-key-id", "arn:aws:kms:r:1:key/k");
    let kms = Envelope::Kms(wrap(true));
    let enabled = ("sse-bucket-key-enabled", "true");
    let context = ("sse-context", "eyJhIjoiYiJ9");
    assert_eq!(
        shown(&kms, true),
        expect(&[("sse", "aws:kms"), arn, enabled, context])
    );
    assert_eq!(
        shown(&kms, false),
        expect(&[("sse", "aws:kms"), arn, enabled])
    );
    let dsse = Envelope::Dsse {
        inner: wrap(false),
        outer: key(),
    };
    assert_eq!(shown(&dsse, false), expect(&[("sse", "aws:kms:dsse"), arn]));
    let customer = Envelope::Customer {
        salt: key(),
        check: key(),
        dek: key(),
        origin: None,
    };
    assert_eq!(
        shown(&customer, true),
        expect(&[("sse-customer-algorithm", "AES256")])
    );
    assert_eq!(customer.mode(), Mode::Customer);
}
