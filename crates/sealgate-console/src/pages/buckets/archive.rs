//! A folder as one zip archive. It is made as it goes out: objects are read one after the other, stored as they are,
//! and no more than a few pieces are in memory. An object that cannot be read breaks the archive off, for one that
//! lacked something silently would be worse.

use std::io::{self, Write};

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderValue, Method, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use sealgate_wire::encode;
use sealgate_wire::encoding::decode_query;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::mpsc;
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, DateTime};

use crate::BoxError;
use crate::actor::{Actor, S3Request};
use crate::fault::{Fault, Refusal};
use crate::response::Page;
use crate::visit::Visit;

/// Objects in one archive: its directory is in memory until the end.
const MOST: usize = 50_000;
/// Pieces that wait for the archive, or for the client.
const WAITING: usize = 4;
const PIECE: usize = 64 * 1024;

/// What comes into the archive next.
enum Job {
    Folder(Entry),
    File(Entry),
    Bytes(Bytes),
    /// Everything is in it.
    End,
}

/// An object of a listing.
struct Entry {
    key: String,
    name: String,
    size: u64,
    modified: DateTime,
}

/// A page of the folder, and where the next one begins.
async fn list(
    actor: &Actor<'_>,
    bucket: &str,
    prefix: &str,
    token: &str,
) -> Result<(Vec<Entry>, String), Fault> {
    let mut request = S3Request::new(Method::GET, bucket)
        .query("list-type", "2")
        .query("encoding-type", "url")
        .query("prefix", prefix);
    if !token.is_empty() {
        request = request.query("continuation-token", token);
    }
    let answer = actor.s3(request).await?;
    let entries = answer.all("Contents").filter_map(|object| {
        let key = String::from_utf8_lossy(&decode_query(object.text("Key"))).into_owned();
        let name = safe_name(key.strip_prefix(prefix)?)?;
        Some(Entry {
            name,
            key,
            size: object.text("Size").parse().ok()?,
            modified: zip_time(object.text("LastModified")),
        })
    });
    Ok((
        entries.collect(),
        answer.text("NextContinuationToken").to_owned(),
    ))
}

/// A name that unpacks below the folder one unpacks in, whatever the key is; `None` for the folder itself.
fn safe_name(below: &str) -> Option<String> {
    if below.is_empty() {
        return None;
    }
    let (path, folder) = match below.strip_suffix('/') {
        Some(path) => (path, "/"),
        None => (below, ""),
    };
    let parts: Vec<String> = path
        .split('/')
        .map(|part| match part {
            "" => "%".to_owned(),
            "%" => "%25".to_owned(),
            "." => "%2E".to_owned(),
            ".." => "%2E%2E".to_owned(),
            part => part
                .char_indices()
                .map(|(at, one)| match one {
                    '%' if looks_escaped(part, at) => "%25".to_owned(),
                    '\\' => "%5C".to_owned(),
                    ':' => "%3A".to_owned(),
                    control if control.is_control() => {
                        format!("%{:02X}", u32::from(control))
                    }
                    plain => plain.to_string(),
                })
                .collect(),
        })
        .collect();
    Some(parts.join("/") + folder)
}

/// Whether what is written there could be an escape of ours, which no two keys may share.
fn looks_escaped(part: &str, at: usize) -> bool {
    part.as_bytes()
        .get(at + 1..at + 3)
        .is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit))
}

fn zip_time(text: &str) -> DateTime {
    let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) else {
        return DateTime::default();
    };
    u16::try_from(time.year())
        .ok()
        .and_then(|year| {
            let (month, day) = (u8::from(time.month()), time.day());
            let (hour, minute, second) = time.to_hms();
            DateTime::from_date_and_time(year, month, day, hour, minute, second).ok()
        })
        .unwrap_or_default()
}

pub(crate) async fn send(visit: &Visit, bucket: &str) -> Result<Page, Fault> {
    let prefix = visit.parameter("prefix").to_owned();
    // What is refused here has a page of its own.
    let first = list(&visit.actor()?, bucket, &prefix, "").await?;
    if first.0.is_empty() {
        return Err(Fault::NotFound);
    }
    let Ok(turn) = visit.console.archives.clone().try_acquire_owned() else {
        return Err(Refusal {
            status: 503,
            code: "SlowDown".to_owned(),
            message: "Several archives are being made already. Try again in a while.".to_owned(),
        }
        .into());
    };
    let (jobs, to_write) = mpsc::channel(WAITING);
    let (out, pieces) = mpsc::channel(WAITING);
    let (visit, bucket, folder) = (visit.clone(), bucket.to_owned(), prefix.clone());
    let name = match prefix.trim_end_matches('/').rsplit('/').next() {
        None | Some("") => bucket.clone(),
        Some(name) => name.to_owned(),
    };
    tokio::spawn(async move {
        let _turn = turn;
        if let Err((key, fault)) = feed(&visit, &bucket, &folder, first, &jobs).await {
            let (_, words) = fault.words();
            visit.tell(
                false,
                format!(
                    "The archive broke off at {key}: {words} What was saved of it is not whole."
                ),
            );
        }
    });
    tokio::task::spawn_blocking(move || write(to_write, out));
    let frames = stream::unfold(pieces, |mut pieces| async {
        let piece: Result<Bytes, BoxError> = pieces.recv().await?;
        Some((piece.map(Frame::data), pieces))
    });
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    let disposition = format!("attachment; filename*=UTF-8''{}.zip", encode(&name));
    if let Ok(value) = HeaderValue::try_from(disposition) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// Reads the objects. Ends early, and without a word, when nobody wants the archive any more.
async fn feed(
    visit: &Visit,
    bucket: &str,
    prefix: &str,
    first: (Vec<Entry>, String),
    jobs: &mpsc::Sender<Job>,
) -> Result<(), (String, Fault)> {
    let (mut page, mut token) = first;
    let mut count = 0;
    loop {
        for entry in page {
            let key = entry.key.clone();
            count += 1;
            let outcome = match count > MOST {
                true => Err(Fault::Form("An archive has 50,000 objects at most.")),
                false => object(visit, bucket, entry, jobs).await,
            };
            match outcome {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(fault) => return Err((key, fault)),
            }
        }
        if token.is_empty() {
            let _ = jobs.send(Job::End).await;
            return Ok(());
        }
        let next = async { list(&visit.actor()?, bucket, prefix, &token).await };
        (page, token) = next.await.map_err(|fault| (prefix.to_owned(), fault))?;
    }
}

/// Puts one object in; `false` if nobody takes it.
async fn object(
    visit: &Visit,
    bucket: &str,
    entry: Entry,
    jobs: &mpsc::Sender<Job>,
) -> Result<bool, Fault> {
    if entry.key.ends_with('/') && entry.size == 0 {
        return Ok(jobs.send(Job::Folder(entry)).await.is_ok());
    }
    let actor = visit.actor()?;
    let request = S3Request::new(Method::GET, bucket).key(&entry.key);
    let mut body = actor.s3_stream(request).await?.into_body();
    if jobs.send(Job::File(entry)).await.is_err() {
        return Ok(false);
    }
    while let Some(frame) = body.frame().await {
        let Ok(bytes) = frame.map_err(|_| Fault::Internal)?.into_data() else {
            continue;
        };
        if jobs.send(Job::Bytes(bytes)).await.is_err() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The way from the archive to the client, in pieces.
struct Pipe {
    out: mpsc::Sender<Result<Bytes, BoxError>>,
    piece: BytesMut,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = self.piece.split().freeze();
        if piece.is_empty() {
            return Ok(());
        }
        self.out
            .blocking_send(Ok(piece))
            .map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Makes the archive, on a thread of its own. Without an end it is broken off, which the client sees.
fn write(jobs: mpsc::Receiver<Job>, out: mpsc::Sender<Result<Bytes, BoxError>>) {
    let pipe = Pipe {
        out: out.clone(),
        piece: BytesMut::new(),
    };
    if let Err(broken) = archive(jobs, pipe) {
        // Nobody may be there to hear it.
        let _ = out.blocking_send(Err(broken));
    }
}

fn archive(mut jobs: mpsc::Receiver<Job>, pipe: Pipe) -> Result<(), BoxError> {
    let mut zip = ZipWriter::new_stream(pipe);
    let options = |entry: &Entry| {
        SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .last_modified_time(entry.modified)
            // Beyond 4 GiB sizes have another form.
            .large_file(entry.size >= u64::from(u32::MAX))
    };
    while let Some(job) = jobs.blocking_recv() {
        match job {
            Job::Folder(entry) => zip.add_directory(entry.name.as_str(), options(&entry))?,
            Job::File(entry) => zip.start_file(entry.name.as_str(), options(&entry))?,
            Job::Bytes(bytes) => zip.write_all(&bytes)?,
            Job::End => {
                zip.finish()?.flush()?;
                return Ok(());
            }
        }
    }
    Err("the archive was not finished".into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn no_key_unpacks_outside_its_folder() {
        for (key, name) in [
            ("a/b.txt", "a/b.txt"),
            ("../../etc/passwd", "%2E%2E/%2E%2E/etc/passwd"),
            ("/etc/passwd", "%/etc/passwd"),
            ("a//b/./c", "a/%/b/%2E/c"),
            ("..\\x", "..%5Cx"),
            ("C:\\x", "C%3A%5Cx"),
            ("a\n\u{0}b", "a%0A%00b"),
            ("ä/", "ä/"),
            ("../", "%2E%2E/"),
            ("/", "%/"),
            ("a/%/b", "a/%25/b"),
            ("%2E%2E/100%", "%252E%252E/100%"),
        ] {
            assert_eq!(safe_name(key).as_deref(), Some(name));
        }
        assert_eq!(safe_name(""), None);
    }
}
