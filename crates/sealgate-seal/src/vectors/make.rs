//! Makes the vectors: all that is random elsewhere is here a hash of the vector's name, so that
//! they come out the same each time. To write them after a change of the format:
//! `cargo test -p sealgate-seal write_vectors -- --ignored`.

use std::fs;

use base64::{Engine, prelude::BASE64_STANDARD};
use sealgate_crypto::aead::{BulkAead, OuterAead};
use sealgate_crypto::hash::{Digest, Sha256};
use serde::Serialize;

use super::{
    Blob, BlobFile, Body, Layer, ONE_LAYER, Piece, REFUSED, RangeOfBody, Refusal, Refused,
    RefusedFile, RefusedWrap, TWO_LAYERS, WRAPS, Wrap, WrapFile, body, body_keys, key, path,
    sha256,
};
use crate::{Layers, SEGMENT_SIZE, SealStream, TAG_SIZE, nonce::SegmentNonce, sealed_range, wrap};

const SEGMENT: u64 = SEGMENT_SIZE as u64;

#[test]
fn vectors_are_what_this_code_makes() {
    for (file, made) in make_all() {
        assert!(
            fs::read_to_string(path(file)).unwrap() == made,
            "{file} has changed"
        );
    }
}

#[test]
#[ignore = "writes the files of the vectors"]
fn write_vectors() {
    for (file, made) in make_all() {
        fs::create_dir_all(path("")).unwrap();
        fs::write(path(file), made).unwrap();
    }
}

fn make_all() -> [(&'static str, String); 4] {
    let one_layer = blobs(Layers::One);
    let two_layers = blobs(Layers::Two);
    let refused = RefusedFile {
        about: "Blobs that a reader must refuse, each with the reason. A blob is its pieces one \
                after the other: ranges of the blobs in the other files, or hex."
            .to_owned(),
        refused: refused(Layers::One, &one_layer)
            .into_iter()
            .chain(refused(Layers::Two, &two_layers))
            .chain([damaged_under_a_valid_outer_layer(&two_layers)])
            .collect(),
    };
    [
        (ONE_LAYER, json(&one_layer)),
        (TWO_LAYERS, json(&two_layers)),
        (REFUSED, json(&refused)),
        (WRAPS, json(&wraps())),
    ]
}

fn json(file: &impl Serialize) -> String {
    serde_json::to_string_pretty(file).unwrap() + "\n"
}

/// 32 bytes in the place of random ones.
fn fixed(name: &str, what: &str) -> [u8; 32] {
    Sha256::digest(format!("sealgate vector / {name} / {what}")).into()
}

fn fixed_hex(name: &str, what: &str) -> String {
    hex::encode(fixed(name, what))
}

fn blobs(layers: Layers) -> BlobFile {
    let bodies = [
        ("empty", 0, 0),
        ("one-byte", 0, 1),
        ("part-7", 7, 100),
        ("last-part", u32::MAX, 20),
        ("segment-less-one", 0, SEGMENT - 1),
        ("segment", 0, SEGMENT),
        ("segment-and-one", 0, SEGMENT + 1),
        ("two-segments", 3, 2 * SEGMENT),
        ("three-segments", 0, 2 * SEGMENT + 1234),
    ];
    BlobFile {
        about: "Blobs that open. Keys, salts and hashes are hex, `sealed` is base64. Byte i of a \
                body is byte (i mod 32) of SHA-256(seed as UTF-8 || (i div 32) as 8 bytes \
                big-endian)."
            .to_owned(),
        blobs: bodies
            .map(|(name, part, length)| blob(layers, name, part, length))
            .into(),
    }
}

fn blob(layers: Layers, name: &str, part: u32, length: u64) -> Blob {
    let (prefix, infos) = match layers {
        Layers::One => ("one-layer", &["sealgate v1 body"][..]),
        Layers::Two => (
            "two-layers",
            &["sealgate v1 body", "sealgate v1 body outer"][..],
        ),
    };
    let name = format!("{prefix}/{name}");
    let made: Vec<Layer> = infos
        .iter()
        .map(|info| {
            let salt = fixed(&name, &format!("salt {info}"));
            let data_key = fixed_hex(&name, &format!("data key {info}"));
            let okm = key(&data_key).expand::<2>(&salt, &[info.as_bytes(), &part.to_be_bytes()]);
            let (salt, [aead_key, commitment]) = (hex::encode(salt), okm.map(hex::encode));
            Layer {
                data_key,
                salt,
                aead_key,
                commitment,
            }
        })
        .collect();
    let body = body(&name, length);
    let keys: Vec<&str> = made.iter().map(|layer| layer.data_key.as_str()).collect();
    let mut salts = made
        .iter()
        .map(|layer| hex::decode(&layer.salt).unwrap().try_into().unwrap());
    let mut stream = SealStream::with_salts(&body_keys(&keys), part, || salts.next().unwrap());
    stream.push(&body).unwrap();
    stream.finish().unwrap();
    let sealed = stream.output().split();

    let mut ranges = vec![
        (0, length),
        (0, 0),
        (length, length),
        (length / 3, length / 2),
    ];
    if length > SEGMENT {
        ranges.extend([
            (SEGMENT - 1, SEGMENT + 1),
            (SEGMENT, length),
            (0, SEGMENT),
            (5, 6),
        ]);
    }
    Blob {
        suite: made.len() as u8,
        part,
        layers: made,
        header_hash: sha256(&sealed[..layers.header_len()]),
        ranges: ranges
            .into_iter()
            .map(|(start, end)| {
                let read = sealed_range(layers, length, start..end);
                RangeOfBody {
                    start,
                    end,
                    sealed_start: read.start,
                    sealed_end: read.end,
                    sha256: sha256(&body[start as usize..end as usize]),
                }
            })
            .collect(),
        body: Body {
            seed: name.clone(),
            length,
            sha256: sha256(&body),
        },
        sealed: BASE64_STANDARD.encode(&sealed),
        name,
    }
}

/// What a vector is made from: a blob that opens.
struct Base<'a> {
    blob: &'a Blob,
    sealed: Vec<u8>,
}

impl<'a> Base<'a> {
    fn of(file: &'a BlobFile, name: &str) -> Self {
        let named = |blob: &&Blob| blob.name.ends_with(&format!("/{name}"));
        let blob = file.blobs.iter().find(named).unwrap();
        Self {
            blob,
            sealed: BASE64_STANDARD.decode(&blob.sealed).unwrap(),
        }
    }

    fn keys(&self) -> Vec<String> {
        self.blob
            .layers
            .iter()
            .map(|layer| layer.data_key.clone())
            .collect()
    }

    fn piece(&self, start: usize, end: usize) -> Piece {
        Piece::Of {
            blob: self.blob.name.clone(),
            start,
            end,
        }
    }

    /// The blob with these bytes at this place.
    fn with(&self, at: usize, bytes: &[u8]) -> Vec<Piece> {
        let pieces = [
            self.piece(0, at),
            Piece::Hex {
                hex: hex::encode(bytes),
            },
            self.piece(at + bytes.len(), self.sealed.len()),
        ];
        let empty = |piece: &Piece| matches!(piece, Piece::Of { start, end, .. } if start == end);
        pieces.into_iter().filter(|piece| !empty(piece)).collect()
    }

    fn flipped(&self, at: usize) -> Vec<Piece> {
        self.with(at, &[self.sealed[at] ^ 1])
    }

    fn refused(&self, what: &str, pieces: Vec<Piece>, refusal: Refusal) -> Refused {
        Refused {
            name: format!("{}: {what}", self.blob.name),
            part: self.blob.part,
            data_keys: self.keys(),
            plain_length: Some(self.blob.body.length),
            pieces,
            refusal,
            segment: None,
        }
    }

    fn damaged(&self, what: &str, pieces: Vec<Piece>, segment: u64) -> Refused {
        Refused {
            segment: Some(segment),
            ..self.refused(what, pieces, Refusal::Damaged)
        }
    }
}

fn refused(layers: Layers, file: &BlobFile) -> Vec<Refused> {
    let [empty, small, segment, two, three] = [
        "empty",
        "part-7",
        "segment",
        "two-segments",
        "three-segments",
    ]
    .map(|name| Base::of(file, name));
    let header = layers.header_len();
    let sealed_segment = SEGMENT_SIZE + layers.count() * TAG_SIZE;
    // Where the segments of `three` begin.
    let at = |n: usize| header + n * sealed_segment;
    let end = three.sealed.len();
    let whole = |base: &Base<'_>| vec![base.piece(0, base.sealed.len())];
    use Refusal::{BadLength, NotSealed, Truncated, UnknownVersion, WrongKey};

    let mut refused = vec![
        small.refused("nothing", vec![], NotSealed),
        small.refused("not even the magic", vec![small.piece(0, 7)], NotSealed),
        small.refused("another magic", small.with(0, b"SEALGATF"), NotSealed),
        small.refused("the magic alone", vec![small.piece(0, 8)], Truncated),
        small.refused(
            "a header cut short",
            vec![small.piece(0, header - 1)],
            Truncated,
        ),
        small.refused("a header alone", vec![small.piece(0, header)], Truncated),
        small.refused("version 0", small.with(8, &[0]), UnknownVersion),
        small.refused("version 2", small.with(8, &[2]), UnknownVersion),
        small.refused("suite 0", small.with(9, &[0]), UnknownVersion),
        small.refused("suite 3", small.with(9, &[3]), UnknownVersion),
        small.refused(
            "the other suite",
            small.with(9, &[3 - small.blob.suite]),
            WrongKey,
        ),
        small.refused(
            "first reserved byte set",
            small.with(10, &[1]),
            UnknownVersion,
        ),
        small.refused(
            "second reserved byte set",
            small.with(11, &[1]),
            UnknownVersion,
        ),
        small.refused("salt changed", small.flipped(12), WrongKey),
        small.refused("commitment changed", small.flipped(75), WrongKey),
        Refused {
            part: 8,
            ..small.refused("another part", whole(&small), WrongKey)
        },
        small.damaged("first byte changed", small.flipped(header), 0),
        small.damaged(
            "last byte changed",
            small.flipped(small.sealed.len() - 1),
            0,
        ),
        empty.damaged("tag of an empty body changed", empty.flipped(header), 0),
        Refused {
            plain_length: None,
            ..small.refused(
                "cut below a tag",
                vec![small.piece(0, header + 15)],
                BadLength,
            )
        },
        Refused {
            plain_length: None,
            ..small.damaged(
                "one byte cut",
                vec![small.piece(0, small.sealed.len() - 1)],
                0,
            )
        },
        small.refused(
            "one byte missing",
            vec![small.piece(0, small.sealed.len() - 1)],
            Truncated,
        ),
        Refused {
            plain_length: Some(101),
            ..small.refused("length too long", whole(&small), Truncated)
        },
        Refused {
            plain_length: Some(99),
            ..small.damaged("length too short", whole(&small), 0)
        },
        three.damaged("second segment changed", three.flipped(at(1) + 1000), 1),
        three.damaged("first tag changed", three.flipped(at(1) - 1), 0),
        three.damaged("last tag changed", three.flipped(end - 1), 2),
        three.damaged(
            "first segments swapped",
            vec![
                three.piece(0, at(0)),
                three.piece(at(1), at(2)),
                three.piece(at(0), at(1)),
                three.piece(at(2), end),
            ],
            0,
        ),
        three.damaged(
            "first segment doubled",
            vec![
                three.piece(0, at(1)),
                three.piece(at(0), at(1)),
                three.piece(at(2), end),
            ],
            1,
        ),
        Refused {
            plain_length: None,
            ..three.damaged(
                "second segment removed",
                vec![three.piece(0, at(1)), three.piece(at(2), end)],
                1,
            )
        },
        three.refused(
            "last segment removed",
            vec![three.piece(0, at(2))],
            Truncated,
        ),
        Refused {
            plain_length: None,
            ..three.damaged(
                "last segment removed, length too",
                vec![three.piece(0, at(2))],
                1,
            )
        },
        Refused {
            plain_length: None,
            ..two.damaged(
                "last segment doubled",
                vec![
                    two.piece(0, two.sealed.len()),
                    two.piece(at(1), two.sealed.len()),
                ],
                1,
            )
        },
        Refused {
            plain_length: None,
            ..segment.refused(
                "an empty segment after a full one",
                vec![
                    segment.piece(0, at(1)),
                    Piece::Hex {
                        hex: "00".repeat(layers.count() * 16),
                    },
                ],
                BadLength,
            )
        },
        Refused {
            data_keys: segment.keys(),
            part: 0,
            ..three.damaged(
                "segments under the header of another blob",
                vec![segment.piece(0, header), three.piece(header, end)],
                0,
            )
        },
    ];
    let other: Vec<String> = small.keys().iter().map(|_| "00".repeat(32)).collect();
    refused.push(Refused {
        data_keys: other,
        ..small.refused("another data key", whole(&small), WrongKey)
    });
    match layers {
        Layers::One => refused.push(Refused {
            data_keys: vec![small.keys().remove(0), "00".repeat(32)],
            ..small.refused("keys for two layers", whole(&small), WrongKey)
        }),
        Layers::Two => {
            let keys = small.keys();
            let with_keys = |what: &str, keys: Vec<String>| Refused {
                data_keys: keys,
                ..small.refused(what, whole(&small), WrongKey)
            };
            refused.extend([
                with_keys("the inner key alone", vec![keys[0].clone()]),
                with_keys("keys swapped", vec![keys[1].clone(), keys[0].clone()]),
                with_keys("another inner key", vec!["00".repeat(32), keys[1].clone()]),
                with_keys("another outer key", vec![keys[0].clone(), "00".repeat(32)]),
                small.refused("outer salt changed", small.flipped(76), WrongKey),
                small.refused("outer commitment changed", small.flipped(139), WrongKey),
                small.damaged(
                    "inner tag changed",
                    small.flipped(small.sealed.len() - 17),
                    0,
                ),
            ]);
        }
    }
    refused
}

/// Whoever has the outer key alone cannot change the body: the outer layer is right, the inner not.
fn damaged_under_a_valid_outer_layer(file: &BlobFile) -> Refused {
    let base = Base::of(file, "part-7");
    let header = &base.sealed[..Layers::Two.header_len()];
    let aad = Sha256::digest(header);
    let nonce = SegmentNonce::at(0, true).unwrap();
    let [inner, outer] = [0, 1].map(|n| key(&base.blob.layers[n].aead_key));
    let (inner, outer) = (
        BulkAead::new(inner.expose()),
        OuterAead::new(outer.expose()),
    );
    let mut segment = body(&base.blob.body.seed, base.blob.body.length);
    let tag = inner.seal(nonce.bytes(), &aad, &mut segment).unwrap();
    segment.extend_from_slice(&tag);
    segment[0] ^= 1;
    let tag = outer.seal(nonce.bytes(), &aad, &mut segment).unwrap();
    segment.extend_from_slice(&tag);
    let pieces = vec![
        base.piece(0, header.len()),
        Piece::Hex {
            hex: hex::encode(segment),
        },
    ];
    base.damaged("inner layer changed under a valid outer layer", pieces, 0)
}

fn wraps() -> WrapFile {
    let wrap = |name: &str, purpose: &str, aad: &[u8], secret: &[u8]| {
        let (key_hex, salt) = (fixed_hex(name, "wrapping key"), fixed(name, "salt"));
        let wrapping_key = key(&key_hex);
        let info = format!("sealgate v1 wrap {purpose}");
        let wrapped = wrap::wrap_with_salt(&wrapping_key, purpose, aad, secret, &salt);
        Wrap {
            name: name.to_owned(),
            aead_key: hex::encode(wrapping_key.derive(&salt, &[info.as_bytes()]).expose()),
            key: key_hex,
            purpose: purpose.to_owned(),
            aad: hex::encode(aad),
            salt: hex::encode(salt),
            secret: hex::encode(secret),
            wrapped: hex::encode(wrapped),
        }
    };
    let wraps = vec![
        wrap(
            "data-key",
            "data key",
            b"account/bucket",
            &fixed("data-key", "secret"),
        ),
        wrap("empty-secret", "data key", b"aad", b""),
        wrap(
            "no-purpose-no-aad",
            "",
            b"",
            &fixed("no-purpose-no-aad", "secret"),
        ),
        wrap(
            "utf-8-purpose",
            "schlüssel ✓",
            "kontext ✓".as_bytes(),
            b"short",
        ),
        wrap(
            "long-secret",
            "record",
            &body("aad", 300),
            &body("long-secret", 1000),
        ),
    ];
    let base = &wraps[0];
    let bytes = hex::decode(&base.wrapped).unwrap();
    let refuse = |name: &str, wrapped: &[u8], refusal| RefusedWrap {
        name: format!("{}: {name}", base.name),
        key: base.key.clone(),
        purpose: base.purpose.clone(),
        aad: base.aad.clone(),
        wrapped: hex::encode(wrapped),
        refusal,
    };
    let flipped = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        bytes
    };
    let last = bytes.len() - 1;
    use Refusal::{Truncated, UnknownVersion, WrongKey};
    let refused = vec![
        RefusedWrap {
            key: "00".repeat(32),
            ..refuse("another key", &bytes, WrongKey)
        },
        RefusedWrap {
            purpose: "data".to_owned(),
            ..refuse("another purpose", &bytes, WrongKey)
        },
        RefusedWrap {
            aad: String::new(),
            ..refuse("no aad", &bytes, WrongKey)
        },
        RefusedWrap {
            aad: base.aad.clone() + "00",
            ..refuse("longer aad", &bytes, WrongKey)
        },
        refuse("salt changed", &flipped(1), WrongKey),
        refuse("secret changed", &flipped(33), WrongKey),
        refuse("tag changed", &flipped(last), WrongKey),
        refuse("one byte cut", &bytes[..last], WrongKey),
        refuse("one byte more", &[&bytes[..], &[0]].concat(), WrongKey),
        refuse("version 0", &[&[0], &bytes[1..]].concat(), UnknownVersion),
        refuse("version 2", &[&[2], &bytes[1..]].concat(), UnknownVersion),
        refuse("nothing", &[], Truncated),
        refuse("shorter than salt and tag", &bytes[..48], Truncated),
    ];
    WrapFile {
        about: "Wrapped secrets that unwrap, and ones that must be refused. All but names, \
                purposes and refusals are hex."
            .to_owned(),
        wraps,
        refused,
    }
}
