//! A form of fields and then a file, which streams. Nothing of the file is read before it is known that the form comes
//! from a page of the session.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use http::header::CONTENT_TYPE;
use http_body_util::BodyStream;
use hyper::body::Incoming;
use multer::{Constraints, Field, Multipart, SizeLimit};

use crate::BoxError;
use crate::fault::Fault;
use crate::visit::Visit;

/// How long the rest of an upload that was refused is read away.
const PATIENCE: Duration = Duration::from_secs(30);
/// The fields before the file.
const LARGEST_FIELD: u64 = 16 * 1024;
const MOST_FIELDS: usize = 16;
/// All that comes before the file, and what is read ahead of it: until the file begins, it is held in memory.
const LARGEST_HEAD: usize = 1 << 20;
/// A client that sends nothing for so long is given up.
const SILENCE: Duration = Duration::from_secs(60);

/// The file of a form, and what comes after it; each field before the file is handed to `take` with its name.
pub(super) async fn fields_then_file(
    visit: &Visit,
    body: Incoming,
    mut take: impl FnMut(&str, String) -> Result<(), Fault>,
) -> Result<(Field<'static>, Multipart<'static>), Fault> {
    let session = visit.session()?;
    let file_began = Arc::<AtomicBool>::default();
    let mut form = streamed(visit, body, file_began.clone())?;
    let mut form_token = String::new();
    for _ in 0..MOST_FIELDS {
        let Some(field) = form.next_field().await.map_err(broken)? else {
            break;
        };
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            if !session.owns_form(&form_token) {
                return Err(Fault::Forged);
            }
            file_began.store(true, Ordering::Relaxed);
            return Ok((field, form));
        }
        let value = field.text().await.map_err(broken)?;
        match name.as_str() {
            "form_token" => form_token = value,
            name => take(name, value)?,
        }
    }
    Err(Fault::Form("There is no file in it."))
}

/// The form as it comes: of what comes before the file there is a bound, the file is as long as it likes.
fn streamed(
    visit: &Visit,
    body: Incoming,
    file_began: Arc<AtomicBool>,
) -> Result<Multipart<'static>, Fault> {
    let content_type = visit
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let boundary = multer::parse_boundary(content_type)
        .map_err(|_| Fault::Form("It is not sent as a form with a file."))?;
    let start = (BodyStream::new(body), file_began, 0_usize);
    let bytes = stream::unfold(start, |(mut body, began, mut head)| async move {
        loop {
            let frame = match tokio::time::timeout(SILENCE, body.next()).await {
                Ok(frame) => frame?,
                Err(_) => {
                    let silent: BoxError = "nothing came for too long".into();
                    return Some((Err(silent), (body, began, head)));
                }
            };
            let data = match frame.map(|frame| frame.into_data()) {
                Ok(Ok(data)) => data,
                Ok(Err(_trailers)) => continue,
                Err(error) => return Some((Err(error.into()), (body, began, head))),
            };
            if !began.load(Ordering::Relaxed) {
                head = head.saturating_add(data.len());
                if head > LARGEST_HEAD {
                    let large: BoxError = "the fields are too large".into();
                    return Some((Err(large), (body, began, head)));
                }
            }
            return Some((Ok(data), (body, began, head)));
        }
    });
    let limits = SizeLimit::new()
        .per_field(LARGEST_FIELD)
        .for_field("file", u64::MAX);
    let constraints = Constraints::new().size_limit(limits);
    Ok(Multipart::with_constraints(
        Box::pin(bytes),
        boundary,
        constraints,
    ))
}

/// A browser that is still sending does not read the answer: what is left comes to its end first, for a while.
pub(super) async fn read_away(mut form: Multipart<'static>) {
    let rest = async { while let Ok(Some(_)) = form.next_field().await {} };
    let _ = tokio::time::timeout(PATIENCE, rest).await;
}

pub(super) fn broken(error: multer::Error) -> Fault {
    match error {
        multer::Error::FieldSizeExceeded { .. } | multer::Error::StreamSizeExceeded { .. } => {
            Fault::TooLarge
        }
        _ => Fault::Form("It broke off, or is not encoded as forms are."),
    }
}
