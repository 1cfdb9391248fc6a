//! The signature of an HTML form (POST Object), on the server's side.
//!
//! A form is signed over one of its fields: the policy, as it was sent, in base64. The policy says what
//! the other fields may be, so whoever verifies a form must hold its fields against the policy besides.
//! Both versions are here: boto3's `generate_presigned_post` makes Version 2 by default in `us-east-1`.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-authentication-HTTPPOST.html>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_crypto::hmac;
use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;

use crate::sigv4::{AuthError, Scope, SecretKey, Verifier, parse_basic, parse_scope};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The fields of Version 4, in the order in which S3 misses them.
const VERSION_4: [&str; 4] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Signature",
];
/// Those of Version 2.
const VERSION_2: [&str; 2] = ["AWSAccessKeyId", "Signature"];

/// What a form presents as its authentication; nothing of it is verified yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormSignature {
    /// `x-amz-security-token`.
    pub security_token: Option<String>,
    version: Version,
    policy: String,
    signature: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Version {
    V4 {
        scope: Scope,
        signed_at: OffsetDateTime,
    },
    V2 {
        access_key_id: String,
    },
}

impl FormSignature {
    /// Takes it from a form's fields, whose names are those of `field` in any case. `None` is an
    /// anonymous form: none of the fields of a signature.
    pub fn parse<'a>(field: impl Fn(&str) -> Option<&'a str>) -> Result<Option<Self>, AuthError> {
        let names = if VERSION_4.iter().any(|name| field(name).is_some()) {
            &VERSION_4[..]
        } else if VERSION_2.iter().any(|name| field(name).is_some()) {
            &VERSION_2[..]
        } else {
            return Ok(None);
        };
        let required = |name: &'static str| {
            field(name).ok_or_else(|| AuthError::FormField {
                message: format!(
                    "Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the fields."
                ),
                name,
                value: String::new(),
                region: None,
            })
        };
        for name in names {
            required(name)?;
        }
        let policy = required("policy")?.to_owned();
        let security_token = field("x-amz-security-token").map(str::to_owned);
        if names == VERSION_2 {
            return Ok(Some(FormSignature {
                security_token,
                version: Version::V2 {
                    access_key_id: required("AWSAccessKeyId")?.to_owned(),
                },
                policy,
                signature: required("Signature")?.to_owned(),
            }));
        }
        let invalid = |name, value: &str, message: String| AuthError::FormField {
            message,
            name,
            value: value.to_owned(),
            region: None,
        };
        let algorithm = required("X-Amz-Algorithm")?;
        if algorithm != ALGORITHM {
            let message = format!("X-Amz-Algorithm only supports \"{ALGORITHM}\"");
            return Err(invalid("X-Amz-Algorithm", algorithm, message));
        }
        let credential = required("X-Amz-Credential")?;
        let scope = parse_scope(credential)
            .map_err(|reason| invalid("X-Amz-Credential", credential, reason))?;
        let date = required("X-Amz-Date")?;
        let signed_at = parse_basic(date).ok_or_else(|| {
            // In S3's own spelling.
            let message = "X-Amz-Date must be formated via ISO8601 Long format".to_owned();
            invalid("X-Amz-Date", date, message)
        })?;
        if date.get(..8) != Some(scope.date()) {
            let message = format!(
                "Invalid credential date \"{}\". This date is not the same as X-Amz-Date: \"{date}\".",
                scope.date()
            );
            return Err(invalid("X-Amz-Credential", credential, message));
        }
        Ok(Some(FormSignature {
            security_token,
            version: Version::V4 { scope, signed_at },
            policy,
            signature: required("X-Amz-Signature")?.to_owned(),
        }))
    }

    /// The access key that it names.
    pub fn access_key_id(&self) -> &str {
        match &self.version {
            Version::V4 { scope, .. } => scope.access_key_id(),
            Version::V2 { access_key_id } => access_key_id,
        }
    }

    /// When the form was signed, where the signature says so: Version 4 does, Version 2 does not.
    pub fn signed_at(&self) -> Option<OffsetDateTime> {
        match self.version {
            Version::V4 { signed_at, .. } => Some(signed_at),
            Version::V2 { .. } => None,
        }
    }

    /// Verifies the signature over the policy. How long the form is valid is the policy's to say.
    pub fn verify(&self, verifier: &Verifier, secret: &SecretKey) -> Result<(), AuthError> {
        let matches = match &self.version {
            Version::V4 { scope, .. } => {
                verifier.verify_policy(scope, secret, &self.policy, &self.signature)?
            }
            Version::V2 { .. } => {
                let expected = hmac::sha1(secret.expose().as_bytes(), self.policy.as_bytes());
                STANDARD
                    .decode(&self.signature)
                    .is_ok_and(|signature| bool::from(signature.ct_eq(expected.as_slice())))
            }
        };
        if matches {
            return Ok(());
        }
        Err(AuthError::SignatureDoesNotMatch {
            access_key_id: self.access_key_id().to_owned(),
            string_to_sign: self.policy.clone(),
            provided: self.signature.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    /// The [example](https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html) of S3's
    /// documentation.
    const POLICY: &str = "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQogICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9";
    const FIELDS: [(&str, &str); 5] = [
        (
            "x-amz-credential",
            "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request",
        ),
        ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
        ("x-amz-date", "20151229T000000Z"),
        ("policy", POLICY),
        (
            "x-amz-signature",
            "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e",
        ),
    ];

    fn parse(fields: &[(&str, &'static str)]) -> Result<Option<FormSignature>, AuthError> {
        FormSignature::parse(|name| {
            fields
                .iter()
                .find(|(field, _)| field.eq_ignore_ascii_case(name))
                .map(|(_, value)| *value)
        })
    }

    fn changed(name: &str, value: Option<&'static str>) -> Vec<(&'static str, &'static str)> {
        let mut fields = FIELDS.to_vec();
        fields.retain(|(field, _)| *field != name);
        let (name, _) = FIELDS.iter().find(|(field, _)| *field == name).unwrap();
        fields.extend(value.map(|value| (*name, value)));
        fields
    }

    fn verify(form: &FormSignature) -> Result<(), AuthError> {
        let secret = SecretKey::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned());
        form.verify(&Verifier::new("us-east-1".to_owned()), &secret)
    }

    #[test]
    fn the_example_of_the_documentation_verifies_and_a_changed_one_does_not() {
        let form = parse(&FIELDS).unwrap().unwrap();
        assert_eq!(form.access_key_id(), "AKIAIOSFODNN7EXAMPLE");
        verify(&form).unwrap();
        for (name, value) in [
            ("policy", &POLICY[1..]),
            (
                "x-amz-signature",
                "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699f",
            ),
            ("x-amz-signature", ""),
        ] {
            let form = parse(&changed(name, Some(value))).unwrap().unwrap();
            assert_eq!(verify(&form).unwrap_err().code(), "SignatureDoesNotMatch");
        }
    }

    #[test]
    fn version_2_is_an_hmac_sha1_of_the_policy() {
        // printf policy | openssl dgst -sha1 -hmac wJalr… -binary | base64
        let fields = [
            ("AWSAccessKeyId", "AKIAIOSFODNN7EXAMPLE"),
            ("policy", "cG9saWN5"),
            ("signature", "eL3OlIgXlaEdW8YOBw30RYKlweI="),
        ];
        let form = parse(&fields).unwrap().unwrap();
        assert_eq!(form.signed_at(), None);
        verify(&form).unwrap();
        let other = [fields[0], ("policy", "cG9saWN6"), fields[2]];
        let form = parse(&other).unwrap().unwrap();
        assert_eq!(verify(&form).unwrap_err().code(), "SignatureDoesNotMatch");
    }

    #[test]
    fn the_fields_of_a_signature_come_together_or_not_at_all() {
        assert_eq!(parse(&[("key", "k"), ("policy", "cA==")]).unwrap(), None);
        for (name, shown) in [
            ("x-amz-algorithm", "X-Amz-Algorithm"),
            ("x-amz-credential", "X-Amz-Credential"),
            ("x-amz-date", "X-Amz-Date"),
            ("x-amz-signature", "X-Amz-Signature"),
            ("policy", "policy"),
        ] {
            let error = parse(&changed(name, None)).unwrap_err();
            assert_eq!((error.code(), error.status()), ("InvalidArgument", 400));
            assert!(error.message().contains(&format!("'{shown}'")), "{error}");
        }
        for half in [("AWSAccessKeyId", "a"), ("signature", "b")] {
            assert_eq!(parse(&[half]).unwrap_err().code(), "InvalidArgument");
        }
    }

    #[test]
    fn fields_that_do_not_parse_or_name_another_place_are_refused() {
        for (name, value) in [
            ("x-amz-algorithm", "AWS4-HMAC-SHA1"),
            ("x-amz-credential", "AKIA"),
            (
                "x-amz-credential",
                "AKIA/20151228/us-east-1/s3/aws4_request",
            ),
            ("x-amz-credential", "/20151229/us-east-1/s3/aws4_request"),
            ("x-amz-date", "2015-12-29T00:00:00Z"),
            ("x-amz-date", "20151229T0000é0Z"),
        ] {
            let error = parse(&changed(name, Some(value))).unwrap_err();
            assert_eq!(error.code(), "InvalidArgument", "{name}: {value}");
        }
        for credential in [
            "AKIAIOSFODNN7EXAMPLE/20151229/us-west-1/s3/aws4_request",
            "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/kms/aws4_request",
        ] {
            let fields = changed("x-amz-credential", Some(credential));
            let error = verify(&parse(&fields).unwrap().unwrap()).unwrap_err();
            assert_eq!(error.code(), "InvalidArgument", "{credential}");
        }
    }
}
