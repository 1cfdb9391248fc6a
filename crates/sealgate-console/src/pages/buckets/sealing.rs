//! What a form says of how an object shall be sealed, as the headers of the request that it becomes. A customer's key
//! is in the form of one transfer and nowhere else: it is wiped with the form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::visit::Visit;

/// Headers of a request to S3.
pub(crate) type Headers = Vec<(&'static str, String)>;

/// The mode of the forms for a customer's key; S3 has no name for it.
const CUSTOMER: &str = "customer";

/// The choice in a form.
#[derive(Default)]
pub(crate) struct Sealing {
    pub(crate) mode: String,
    pub(crate) kms_key: String,
    pub(crate) customer_key: Zeroizing<String>,
}

impl Sealing {
    /// The headers that make an object. Nothing chosen is the default of the bucket.
    pub(crate) fn of_new(&self, visit: &Visit, kind: Option<&str>) -> Result<Headers, Fault> {
        let mut headers = self.of_customer(visit)?;
        if let Some(kind) = kind.filter(|kind| !kind.is_empty()) {
            headers.push(("content-type", kind.to_owned()));
        }
        if ["AES256", "aws:kms", "aws:kms:dsse"].contains(&self.mode.as_str()) {
            headers.push(("x-amz-server-side-encryption", self.mode.clone()));
            if !self.kms_key.is_empty() && self.mode != "AES256" {
                headers.push((
                    "x-amz-server-side-encryption-aws-kms-key-id",
                    self.kms_key.clone(),
                ));
            }
        }
        Ok(headers)
    }

    /// The headers that every request about bytes under a customer's key has; none if it is not under one.
    pub(crate) fn of_customer(&self, visit: &Visit) -> Result<Headers, Fault> {
        if self.mode != CUSTOMER {
            return Ok(Headers::new());
        }
        customer_headers(visit, &self.customer_key)
    }
}

/// The headers for a customer's key as it was typed. It travels over TLS or not at all.
pub(crate) fn customer_headers(visit: &Visit, typed: &str) -> Result<Headers, Fault> {
    if !visit.conn.secure {
        return Err(Fault::Cleartext);
    }
    headers_of(typed).ok_or(Fault::Form(
        "The key is not one of 256 bits: 44 characters in base64, or 64 hex digits.",
    ))
}

fn headers_of(typed: &str) -> Option<Headers> {
    let typed = typed.trim();
    let mut key = Zeroizing::new([0; 32]);
    if typed.len() == 64 {
        hex::decode_to_slice(typed, &mut *key).ok()?;
    } else {
        let decoded = Zeroizing::new(STANDARD.decode(typed).ok()?);
        if decoded.len() != key.len() {
            return None;
        }
        key.copy_from_slice(&decoded);
    }
    Some(vec![
        (
            "x-amz-server-side-encryption-customer-algorithm",
            "AES256".to_owned(),
        ),
        (
            "x-amz-server-side-encryption-customer-key",
            STANDARD.encode(*key),
        ),
        (
            "x-amz-server-side-encryption-customer-key-md5",
            STANDARD.encode(Md5::digest(*key)),
        ),
    ])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_key_is_base64_or_hex_of_32_bytes() {
        let hexadecimal = "00".repeat(31) + "fF";
        let typed = STANDARD.encode([[0; 31].as_slice(), &[255]].concat());
        assert_eq!(headers_of(&hexadecimal), headers_of(&format!(" {typed}\n")));
        let headers = headers_of(&typed).unwrap();
        assert_eq!(headers[1].1, typed);
        assert_eq!(STANDARD.decode(&headers[2].1).unwrap().len(), 16);
        for bad in [
            "",
            "x",
            &typed[1..],
            &hexadecimal[2..],
            &"g".repeat(64),
            &STANDARD.encode([0; 31]),
            &STANDARD.encode([0; 33]),
        ] {
            assert!(headers_of(bad).is_none(), "{bad}");
        }
    }
}
