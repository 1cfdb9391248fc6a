#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::convert::Infallible;

use http_body_util::BodyExt as _;
use proptest::prelude::*;
use sealgate_wire::payload::PayloadSpec;
use sealgate_wire::sigv4::Payload;

use super::*;

const TYPE: &str = "multipart/form-data; boundary=edge";

/// A body that comes in pieces of this size.
fn reader(
    body: &[u8],
    size: usize,
) -> PayloadReader<impl Body<Data = Bytes, Error = Infallible> + Unpin + Send + use<>> {
    let pieces: Vec<_> = body
        .chunks(size)
        .map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece))))
        .collect();
    let parts = http::Request::new(()).into_parts().0;
    let spec = PayloadSpec::from_headers(&parts, Payload::Unsigned, None).unwrap();
    PayloadReader::new(StreamBody::new(stream::iter(pieces)), spec)
}

fn part(disposition: &str, content: &str) -> String {
    format!("--edge\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n")
}

fn field(name: &str, value: &str) -> String {
    part(&format!("name=\"{name}\""), value)
}

fn file(content: &str) -> String {
    part("name=\"file\"; filename=\"C:\\\\a/b.txt\"", content)
}

/// The fields, and the file or why it has none.
async fn read(body: &[u8], size: usize) -> Result<(Form, Vec<u8>)> {
    let mut reader = reader(body, size);
    let (form, file) = open(Some(TYPE), &mut reader).await?;
    match file.body.collect().await {
        Ok(collected) => Ok((form, collected.to_bytes().to_vec())),
        Err(Broken) => Err(file.fault.lock().take().expect("a reason")),
    }
}

async fn refused(body: &str, code: Code) {
    for size in [1, 7, body.len().max(1)] {
        let error = read(body.as_bytes(), size).await.unwrap_err();
        assert_eq!(error.kind(), code, "{body:.300}");
    }
}

#[tokio::test]
async fn fields_come_before_the_file_and_what_follows_it_is_ignored() {
    let body = [
        field("Key", "in/${filename}"),
        field("x-amz-meta-names", "${filename},${filename}"),
        field("empty", ""),
        file("line\r\n--edg\r\n\r\n-edge\r"),
        field("acl", "public-read"),
        field("key", "other"),
        "--edge--\r\n".to_owned(),
    ]
    .concat();
    for size in [1, 2, 3, 61, body.len()] {
        let (form, file) = read(body.as_bytes(), size).await.unwrap();
        assert_eq!(form.get("key"), Some("in/b.txt"));
        assert_eq!(form.get("X-AMZ-META-NAMES"), Some("b.txt,b.txt"));
        assert_eq!((form.get("empty"), form.get("acl")), (Some(""), None));
        assert_eq!(file, b"line\r\n--edg\r\n\r\n-edge\r");
    }
}

#[tokio::test]
async fn a_file_without_a_name_leaves_the_variable_and_one_with_an_empty_name_removes_it() {
    for (disposition, key) in [
        ("name=\"file\"", "a/${filename}"),
        ("name=\"file\"; filename=\"\"", "a/"),
    ] {
        let body = field("key", "a/${filename}") + &part(disposition, "x") + "--edge--";
        let (form, _) = read(body.as_bytes(), 5).await.unwrap();
        assert_eq!(form.get("key"), Some(key));
    }
}

#[tokio::test]
async fn a_form_has_one_file_and_no_field_twice() {
    refused(&(field("key", "k") + "--edge--"), Code::InvalidArgument).await;
    let twice = field("key", "a") + &field("KEY", "b") + &file("x") + "--edge--";
    refused(&twice, Code::InvalidArgument).await;
    let binary = [
        &b"--edge\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\xff\r\n"[..],
        b"--edge--",
    ];
    let error = read(&binary.concat(), 9).await.unwrap_err();
    assert_eq!(error.kind(), Code::InvalidArgument);
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    for body in [
        String::new(),
        "key=k&file=x".to_owned(),
        field("key", "k"),
        field("key", "k") + "--edge\r\nContent-Disposition: form-data\r\n\r\nx\r\n--edge--",
        field("key", "k") + &file("cut off"),
        field("key", "k") + &file("x") + "--edge\r\nno header",
        "--edge\r\nno header\r\n\r\nx\r\n--edge--".to_owned(),
    ] {
        refused(&body, Code::MalformedPostRequest).await;
    }
    let long = format!("multipart/form-data; boundary={}", "x".repeat(71));
    for (content_type, code) in [
        (None, Code::PreconditionFailed),
        (
            Some("application/x-www-form-urlencoded"),
            Code::PreconditionFailed,
        ),
        (
            Some("multipart/mixed; boundary=edge"),
            Code::PreconditionFailed,
        ),
        (Some("multipart/form-data"), Code::MalformedPostRequest),
        (Some(long.as_str()), Code::MalformedPostRequest),
    ] {
        let error = open(content_type, &mut reader(b"", 1))
            .await
            .map(drop)
            .unwrap_err();
        assert_eq!(error.kind(), code, "{content_type:?}");
    }
}

#[tokio::test]
async fn twenty_kibibytes_of_fields_are_the_limit() {
    let of = |length: usize| field("a", &"v".repeat(length - 1)) + &file("x") + "--edge--";
    assert!(read(of(20_480).as_bytes(), 1000).await.is_ok());
    let too_long = Code::MaxPostPreDataLengthExceeded;
    for size in [1000, 100_000] {
        let error = read(of(20_481).as_bytes(), size).await.unwrap_err();
        assert_eq!(error.kind(), too_long);
    }
    // Neither their framing nor a header without an end may be longer than a few of them.
    let many: String = (0..4000).map(|n| field(&n.to_string(), "")).collect();
    let error = read(many.as_bytes(), 1 << 20).await.unwrap_err();
    assert_eq!(error.kind(), too_long);
    let endless = "--edge\r\nA: ".to_owned() + &"a".repeat(100_000);
    let error = read(endless.as_bytes(), 1 << 20).await.unwrap_err();
    assert_eq!(error.kind(), too_long);
}

#[tokio::test]
async fn a_long_file_passes_and_a_long_rest_does_not() {
    let long = "x".repeat(1 << 20);
    let form = field("key", "k") + &file(&long);
    let (_, content) = read((form.clone() + "--edge--").as_bytes(), 300_000)
        .await
        .unwrap();
    assert_eq!(content.len(), 1 << 20);
    let rest = form + &field("later", &long) + "--edge--";
    let error = read(rest.as_bytes(), 300_000).await.unwrap_err();
    assert_eq!(error.kind(), Code::MalformedPostRequest);
}

/// The parser must not be given the file while it is still at the fields.
#[tokio::test]
async fn many_fields_before_a_long_file_that_is_there_already_are_fine() {
    let fields: String = (0..500).map(|n| field(&n.to_string(), "v")).collect();
    let body = fields + &file(&"x".repeat(1 << 20)) + "--edge--";
    for size in [4_000, 1 << 21] {
        let (form, content) = read(body.as_bytes(), size).await.unwrap();
        assert_eq!((form.iter().count(), content.len()), (500, 1 << 20));
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

proptest! {
    #[test]
    fn how_a_form_is_cut_does_not_matter(
        value in "[ -~]{0,40}",
        content in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'-'), any::<u8>()], 0..400),
        size in 1..200usize,
    ) {
        let mut body = (field("key", &value) + "--edge\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\n").into_bytes();
        body.extend_from_slice(&content);
        body.extend_from_slice(b"\r\n--edge--\r\n");
        let (form, file) = runtime().block_on(read(&body, size)).unwrap();
        prop_assert_eq!(form.get("key"), Some(value.as_str()));
        prop_assert_eq!(file, content);
    }

    #[test]
    fn no_bytes_make_the_reader_fail_otherwise_than_by_refusing(
        body in proptest::collection::vec(any::<u8>(), 0..300),
        size in 1..100usize,
    ) {
        let _ = runtime().block_on(read(&body, size));
        let mut begun = field("key", "k").into_bytes();
        begun.extend_from_slice(&body);
        let _ = runtime().block_on(read(&begun, size));
    }
}
