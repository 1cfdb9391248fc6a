//! RestoreObject: there are no archives, so that what can be said is why there is nothing to restore.

use crate::body::RequestBody;
use crate::error::{Code, Result, S3Error};
use crate::request::Authorized;
use crate::response::Response;
use crate::version;
use crate::xml::Element;

/// Longest document of a request, in bytes.
const MAX_DOCUMENT: usize = 64 * 1024;
const TIERS: [&str; 3] = ["Standard", "Bulk", "Expedited"];

/// [RestoreObject](https://docs.aws.amazon.com/AmazonS3/latest/API/API_RestoreObject.html) of an object that is not
/// archived, as none is.
pub(crate) async fn run(cx: &Authorized<'_>, body: &mut RequestBody) -> Result<Response> {
    let xml = body.document(cx.request, cx.s3, MAX_DOCUMENT).await?;
    // Clients that ask for nothing in particular send no document.
    if !xml.is_empty() {
        check(&Element::parse(&xml, "RestoreRequest")?)?;
    }
    version::find(cx).await?;
    Err(S3Error::new(
        Code::InvalidObjectState,
        "Restore is not allowed for the object's current storage class",
    ))
}

fn check(request: &Element) -> Result<()> {
    let malformed = || Err(Code::MalformedXml.into());
    request.only(&[
        "Days",
        "GlacierJobParameters",
        "Type",
        "Tier",
        "Description",
        "SelectParameters",
        "OutputLocation",
    ])?;
    let days = request.optional_text("Days")?;
    let selects = match request.optional_text("Type")? {
        None => false,
        Some("SELECT") => true,
        Some(_) => return malformed(),
    };
    if days.is_some_and(|days| days.parse::<u32>().map_or(true, |days| days == 0)) {
        return malformed();
    }
    let parameters = request.optional("GlacierJobParameters")?;
    let of_job = match parameters {
        None => None,
        Some(parameters) => {
            parameters.only(&["Tier"])?;
            Some(parameters.required_text("Tier")?)
        }
    };
    let mut tiers = request.optional_text("Tier")?.into_iter().chain(of_job);
    if tiers.any(|tier| !TIERS.contains(&tier)) {
        return malformed();
    }
    // A selection has no days, a restoration has nothing to select.
    let whole = selects == days.is_none()
        && selects == request.optional("SelectParameters")?.is_some()
        && selects == request.optional("OutputLocation")?.is_some();
    if whole { Ok(()) } else { malformed() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_request_asks_for_days_or_selects() {
        let select = "<Type>SELECT</Type><SelectParameters/><OutputLocation/>";
        for (content, is) in [
            ("<Days>1</Days>".to_owned(), true),
            (
                "<Days>1</Days><GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters>"
                    .to_owned(),
                true,
            ),
            (
                "<Days>1</Days><Tier>Expedited</Tier><Description>d</Description>".to_owned(),
                true,
            ),
            (select.to_owned(), true),
            (String::new(), false),
            ("<Days>0</Days>".to_owned(), false),
            ("<Days>-1</Days>".to_owned(), false),
            ("<Days>1</Days><Days>1</Days>".to_owned(), false),
            ("<Days>1</Days><Other/>".to_owned(), false),
            ("<Days>1</Days><Tier>Slow</Tier>".to_owned(), false),
            ("<Days>1</Days><GlacierJobParameters/>".to_owned(), false),
            ("<Days>1</Days><Type>ALL</Type>".to_owned(), false),
            (format!("<Days>1</Days>{select}"), false),
        ] {
            let xml = format!("<RestoreRequest>{content}</RestoreRequest>");
            let element = Element::parse(xml.as_bytes(), "RestoreRequest").unwrap();
            assert_eq!(check(&element).is_ok(), is, "{content}");
        }
    }
}
