//! The test vectors of `docs/format.md`, in `tests/format/vectors`: what their files look like,
//! and the test that this code opens, and refuses, what they say. [`make`] writes them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod make;

use std::{collections::HashMap, fs, ops::Range, path::PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use sealgate_crypto::hash::{Digest, Sha256};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{BodyKeys, Key256, OpenError, OpenStream, open_all, wrap};

/// A file of blobs that open.
#[derive(Serialize, Deserialize)]
struct BlobFile {
    about: String,
    blobs: Vec<Blob>,
}

#[derive(Serialize, Deserialize)]
struct Blob {
    name: String,
    suite: u8,
    part: u32,
    /// Inner layer first.
    layers: Vec<Layer>,
    /// SHA-256 of the header: the associated data of every segment.
    header_hash: String,
    body: Body,
    ranges: Vec<RangeOfBody>,
    /// Base64 of the whole blob.
    sealed: String,
}

/// A layer's data key and what follows from it. All in hex.
#[derive(Serialize, Deserialize)]
struct Layer {
    data_key: String,
    salt: String,
    aead_key: String,
    commitment: String,
}

/// Byte `i` of the body is byte `i mod 32` of SHA-256(seed ‖ (i div 32) as 8 bytes big-endian).
#[derive(Serialize, Deserialize)]
struct Body {
    seed: String,
    length: u64,
    sha256: String,
}

#[derive(Serialize, Deserialize)]
struct RangeOfBody {
    start: u64,
    end: u64,
    sealed_start: u64,
    sealed_end: u64,
    sha256: String,
}

/// A file of blobs that must be refused.
#[derive(Serialize, Deserialize)]
struct RefusedFile {
    about: String,
    refused: Vec<Refused>,
}

#[derive(Serialize, Deserialize)]
struct Refused {
    name: String,
    part: u32,
    /// Inner layer first, hex.
    data_keys: Vec<String>,
    /// The length that the index claims; without one it is computed from the blob's.
    plain_length: Option<u64>,
    /// The blob is these pieces one after the other.
    pieces: Vec<Piece>,
    refusal: Refusal,
    /// The segment that is found damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    segment: Option<u64>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Piece {
    /// Bytes of a blob that opens.
    Of {
        blob: String,
        start: usize,
        end: usize,
    },
    /// Bytes as hex.
    Hex { hex: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Refusal {
    NotSealed,
    UnknownVersion,
    WrongKey,
    WrongBlob,
    Damaged,
    Truncated,
    BadLength,
}

impl Refusal {
    fn of(error: OpenError) -> (Self, Option<u64>) {
        match error {
            OpenError::NotSealed => (Self::NotSealed, None),
            OpenError::UnknownVersion => (Self::UnknownVersion, None),
            OpenError::WrongKey => (Self::WrongKey, None),
            OpenError::WrongBlob => (Self::WrongBlob, None),
            OpenError::Damaged { segment } => (Self::Damaged, Some(segment)),
            OpenError::Truncated => (Self::Truncated, None),
            OpenError::BadLength => (Self::BadLength, None),
        }
    }
}

/// The file of wrapped secrets.
#[derive(Serialize, Deserialize)]
struct WrapFile {
    about: String,
    wraps: Vec<Wrap>,
    refused: Vec<RefusedWrap>,
}

/// All but name and purpose in hex.
#[derive(Serialize, Deserialize)]
struct Wrap {
    name: String,
    key: String,
    purpose: String,
    aad: String,
    salt: String,
    aead_key: String,
    secret: String,
    wrapped: String,
}

#[derive(Serialize, Deserialize)]
struct RefusedWrap {
    name: String,
    key: String,
    purpose: String,
    aad: String,
    wrapped: String,
    refusal: Refusal,
}

const ONE_LAYER: &str = "one-layer.json";
const TWO_LAYERS: &str = "two-layers.json";
const REFUSED: &str = "refused.json";
const WRAPS: &str = "wraps.json";

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/format/vectors")
        .join(file)
}

fn read<T: DeserializeOwned>(file: &str) -> T {
    serde_json::from_str(&fs::read_to_string(path(file)).unwrap()).unwrap()
}

fn body(seed: &str, length: u64) -> Vec<u8> {
    let blocks = 0..length.div_ceil(32);
    let mut body: Vec<u8> = blocks
        .flat_map(|block| {
            let hash: [u8; 32] = Sha256::new()
                .chain_update(seed)
                .chain_update(block.to_be_bytes())
                .finalize()
                .into();
            hash
        })
        .collect();
    body.truncate(length as usize);
    body
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn key(hex: &str) -> Key256 {
    Key256::from_slice(&hex::decode(hex).unwrap()).unwrap()
}

fn body_keys(keys: &[&str]) -> BodyKeys {
    match keys {
        [one] => BodyKeys::Single(key(one)),
        [inner, outer] => BodyKeys::Double {
            inner: key(inner),
            outer: key(outer),
        },
        _ => unreachable!("one or two layers"),
    }
}

fn keys_of(blob: &Blob) -> BodyKeys {
    let keys: Vec<&str> = blob
        .layers
        .iter()
        .map(|layer| layer.data_key.as_str())
        .collect();
    body_keys(&keys)
}

fn open(
    keys: &BodyKeys,
    part: u32,
    blob: &[u8],
    plain_len: u64,
    range: Range<u64>,
) -> Result<(Range<u64>, Vec<u8>), OpenError> {
    let header = &blob[..blob.len().min(keys.layers().header_len())];
    let mut stream = OpenStream::new(keys, part, header, plain_len, range)?;
    let sealed = stream.sealed_range();
    let end = blob.len().min(sealed.end as usize);
    stream.push(&blob[end.min(sealed.start as usize)..end])?;
    stream.finish()?;
    Ok((sealed, stream.output().to_vec()))
}

#[test]
fn every_blob_of_the_vectors_opens() {
    for blob in [ONE_LAYER, TWO_LAYERS]
        .into_iter()
        .flat_map(|file| read::<BlobFile>(file).blobs)
    {
        let (name, keys) = (&blob.name, keys_of(&blob));
        let sealed = BASE64_STANDARD.decode(&blob.sealed).unwrap();
        let expected = body(&blob.body.seed, blob.body.length);
        assert_eq!(sha256(&expected), blob.body.sha256, "{name}");
        assert!(
            open_all(&keys, blob.part, &sealed).unwrap() == expected,
            "{name}"
        );
        assert!(!blob.ranges.is_empty());
        for range in blob.ranges {
            let plain = range.start..range.end;
            let (read, plain) = open(&keys, blob.part, &sealed, blob.body.length, plain).unwrap();
            assert_eq!(read, range.sealed_start..range.sealed_end, "{name}");
            assert_eq!(sha256(&plain), range.sha256, "{name}");
        }
    }
}

#[test]
fn every_damaged_blob_of_the_vectors_is_refused_for_its_reason() {
    let whole: HashMap<String, Vec<u8>> = [ONE_LAYER, TWO_LAYERS]
        .into_iter()
        .flat_map(|file| read::<BlobFile>(file).blobs)
        .map(|blob| (blob.name, BASE64_STANDARD.decode(blob.sealed).unwrap()))
        .collect();
    for refused in read::<RefusedFile>(REFUSED).refused {
        let mut blob = Vec::new();
        for piece in &refused.pieces {
            match piece {
                Piece::Of {
                    blob: name,
                    start,
                    end,
                } => {
                    blob.extend_from_slice(&whole[name][*start..*end]);
                }
                Piece::Hex { hex } => blob.extend(hex::decode(hex).unwrap()),
            }
        }
        let keys: Vec<&str> = refused.data_keys.iter().map(String::as_str).collect();
        let keys = body_keys(&keys);
        let result = match refused.plain_length {
            Some(length) => open(&keys, refused.part, &blob, length, 0..length).map(|_| ()),
            None => open_all(&keys, refused.part, &blob).map(|_| ()),
        };
        let refusal = result.map_err(Refusal::of);
        assert_eq!(
            refusal,
            Err((refused.refusal, refused.segment)),
            "{}",
            refused.name
        );
    }
}

#[test]
fn every_wrap_of_the_vectors_unwraps_or_is_refused_for_its_reason() {
    let file: WrapFile = read(WRAPS);
    let unwrap = |key_hex: &str, purpose: &str, aad: &str, wrapped: &str| {
        let (aad, wrapped) = (hex::decode(aad).unwrap(), hex::decode(wrapped).unwrap());
        wrap::unwrap(&key(key_hex), purpose, &aad, &wrapped)
    };
    for wrap in file.wraps {
        let secret = unwrap(&wrap.key, &wrap.purpose, &wrap.aad, &wrap.wrapped).unwrap();
        assert_eq!(hex::encode(&*secret), wrap.secret, "{}", wrap.name);
    }
    for wrap in file.refused {
        let refusal = unwrap(&wrap.key, &wrap.purpose, &wrap.aad, &wrap.wrapped)
            .map(|_| ())
            .map_err(|error| Refusal::of(error).0);
        assert_eq!(refusal, Err(wrap.refusal), "{}", wrap.name);
    }
}
