//! A form: its fields, which are small and read first, and its file, which streams. What comes after
//! the file is ignored.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, stream};
use http_body::{Body, Frame};
use http_body_util::StreamBody;
use multer::Multipart;
use parking_lot::Mutex;
use sealgate_wire::payload::{PayloadError, PayloadReader};

use super::paced::{Allowance, Paced, Stopped};
use crate::error::{Code, Result, S3Error};

/// Most bytes of names and values in front of the file
/// ([fields](https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTForms.html)).
const MAX_FIELDS: usize = 20 * 1024;
/// The same with the framing of the fields, and for what comes after the file.
const MAX_FRAMED: u64 = 64 * 1024;
/// The longest boundary (RFC 2046, 5.1.1).
const MAX_BOUNDARY: usize = 70;
const FILENAME: &str = "${filename}";

/// The fields of a form. Their names count in any case.
#[derive(Debug, Clone, Default)]
pub(crate) struct Form(Vec<(String, String)>);

/// The file of a form, which is read as the body of a request is.
pub(crate) struct File<'r> {
    /// Its bytes.
    pub(crate) body: StreamBody<Pin<Box<dyn Stream<Item = Frames> + Send + 'r>>>,
    /// Why the bytes ended early, if they did.
    pub(crate) fault: Arc<Mutex<Option<S3Error>>>,
}

type Frames = std::result::Result<Frame<Bytes>, Broken>;

/// The file ended early; [`File::fault`] has the reason.
#[derive(Debug, thiserror::Error)]
#[error("the form is broken")]
pub(crate) struct Broken;

impl Form {
    /// The value of a field.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let named = |(field, _): &&(String, String)| field.eq_ignore_ascii_case(name);
        self.0.iter().find(named).map(|(_, value)| value.as_str())
    }

    /// Names as sent, and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn add(&mut self, name: String, value: Vec<u8>) -> Result<()> {
        let value = String::from_utf8(value)
            .map_err(|_| S3Error::argument(&name, "", "The value of the field is not UTF-8."))?;
        // Which of two would count is nothing to guess at where a policy is to be met.
        if self.get(&name).is_some() {
            return Err(S3Error::argument(
                &name,
                &value,
                "POST requires at most one field of each name.",
            ));
        }
        self.0.push((name, value));
        Ok(())
    }

    /// Put the file's name, without the folders that some browsers send, where the fields ask for
    /// it. A file without a name leaves them as they are, as at S3.
    fn expand(&mut self, filename: Option<&str>) {
        let Some(filename) = filename else { return };
        let name = filename.rsplit(['/', '\\']).next().unwrap_or_default();
        for (_, value) in &mut self.0 {
            if value.contains(FILENAME) {
                *value = value.replace(FILENAME, name);
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn of(fields: &[(&str, &str)]) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self(fields.iter().map(owned).collect())
    }
}

/// The boundary that a form's `Content-Type` names.
fn boundary(content_type: Option<&str>) -> Result<String> {
    let boundary = multer::parse_boundary(content_type.unwrap_or_default());
    match boundary {
        Ok(boundary) if (1..=MAX_BOUNDARY).contains(&boundary.len()) => Ok(boundary),
        Ok(_) | Err(multer::Error::NoBoundary) => Err(Code::MalformedPostRequest.into()),
        Err(_) => Err(S3Error::from(Code::PreconditionFailed).with(
            "Condition",
            "Bucket POST must be of the enclosure-type multipart/form-data",
        )),
    }
}

/// Read a form up to its file.
pub(crate) async fn open<'r, B>(
    content_type: Option<&str>,
    reader: &'r mut PayloadReader<B>,
) -> Result<(Form, File<'r>)>
where
    B: Body<Data = Bytes> + Unpin + Send,
{
    let boundary = boundary(content_type)?;
    let pieces = stream::try_unfold(reader, |reader| async move {
        let next = reader.next().await?;
        Ok::<_, PayloadError>(next.map(|bytes| (bytes, reader)))
    });
    let allowance = Allowance::of(MAX_FRAMED);
    let paced = Paced::new(Box::pin(pieces), allowance.clone());
    let mut multipart = Multipart::new(paced, boundary);
    let mut form = Form::default();
    let mut size = 0;
    while let Some(mut field) = multipart.next_field().await.map_err(refusal)? {
        allowance.progress();
        let name = field.name().ok_or(Code::MalformedPostRequest)?.to_owned();
        if name.eq_ignore_ascii_case("file") {
            form.expand(field.file_name());
            allowance.lift();
            return Ok((form, File::new(multipart, field, allowance)));
        }
        size += name.len();
        let mut value = Vec::new();
        while let Some(piece) = field.chunk().await.map_err(refusal)? {
            allowance.progress();
            size += piece.len();
            if size > MAX_FIELDS {
                return Err(fields_too_long());
            }
            value.extend_from_slice(&piece);
        }
        if size > MAX_FIELDS {
            return Err(fields_too_long());
        }
        form.add(name, value)?;
    }
    Err(S3Error::argument(
        "file",
        "0",
        "POST requires exactly one file upload per request.",
    ))
}

impl<'r> File<'r> {
    fn new(multipart: Multipart<'r>, field: multer::Field<'r>, allowance: Allowance) -> Self {
        let fault = Arc::new(Mutex::new(None));
        let report = fault.clone();
        let begin = Some((multipart, field));
        let frames = stream::unfold(begin, move |state| {
            let (allowance, report) = (allowance.clone(), report.clone());
            async move {
                let (multipart, mut field) = state?;
                match field.chunk().await {
                    Ok(Some(bytes)) => Some((Ok(Frame::data(bytes)), Some((multipart, field)))),
                    Ok(None) => {
                        drop(field);
                        allowance.set(MAX_FRAMED);
                        skip(multipart).await.err().map(|error| {
                            *report.lock() = Some(after_file(error));
                            (Err(Broken), None)
                        })
                    }
                    Err(error) => {
                        *report.lock() = Some(refusal(error));
                        Some((Err(Broken), None))
                    }
                }
            }
        });
        Self {
            body: StreamBody::new(Box::pin(frames)),
            fault,
        }
    }
}

/// Read away what comes after the file.
async fn skip(mut multipart: Multipart<'_>) -> std::result::Result<(), multer::Error> {
    while multipart.next_field().await?.is_some() {}
    Ok(())
}

fn fields_too_long() -> S3Error {
    S3Error::from(Code::MaxPostPreDataLengthExceeded)
        .with("MaxPostPreDataLengthBytes", MAX_FIELDS.to_string())
}

/// What the parser does not take, in S3's words.
fn refusal(error: multer::Error) -> S3Error {
    let multer::Error::StreamReadFailed(cause) = error else {
        return Code::MalformedPostRequest.into();
    };
    match cause.downcast::<Stopped>().map(|stopped| *stopped) {
        Ok(Stopped::Payload(error)) => error.into(),
        Ok(Stopped::TooMuch) => fields_too_long(),
        Err(_) => Code::InternalError.into(),
    }
}

/// The same behind the file, where it is not the fields that are too long.
fn after_file(error: multer::Error) -> S3Error {
    let error = refusal(error);
    if error.kind() == Code::MaxPostPreDataLengthExceeded {
        return Code::MalformedPostRequest.into();
    }
    error
}

#[cfg(test)]
mod tests;
