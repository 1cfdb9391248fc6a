//! Buckets and objects.

pub(crate) mod actions;
pub(crate) mod archive;
pub(crate) mod browse;
pub(crate) mod documents;
pub(crate) mod download;
mod file_form;
pub(crate) mod kinds;
pub(crate) mod link;
pub(crate) mod list;
pub(crate) mod new;
pub(crate) mod object;
pub(crate) mod object_actions;
pub(crate) mod parts;
pub(crate) mod sealing;
pub(crate) mod shape;
pub(crate) mod upload;

use http::Method;
use serde_json::{Value, json};

use crate::actor::{Actor, S3Request};
use crate::fault::Fault;
use crate::pages::link;

/// The page of a bucket, or of a folder in it.
pub(crate) fn bucket_place(bucket: &str, prefix: &str) -> String {
    link(&format!("/console/buckets/{bucket}"), &[("prefix", prefix)])
}

/// The page of an object.
pub(crate) fn object_place(bucket: &str, key: &str, version: &str) -> String {
    link(
        &format!("/console/buckets/{bucket}/object"),
        &[("key", key), ("version", version)],
    )
}

/// The words for a mode, as headers and documents name it.
pub(crate) fn mode_words(algorithm: &str, customer: bool) -> &'static str {
    match algorithm {
        _ if customer => "SSE-C: the customer's key",
        "aws:kms" => "SSE-KMS",
        "aws:kms:dsse" => "DSSE-KMS: two layers",
        _ => "SSE-S3",
    }
}

/// How a bucket seals what asks for nothing.
pub(crate) struct DefaultEncryption {
    pub(crate) algorithm: String,
    pub(crate) key: String,
    pub(crate) bucket_key: bool,
    /// Whether uploads under a customer's key are refused.
    pub(crate) blocks_customer: bool,
}

pub(crate) async fn default_encryption(
    actor: &Actor<'_>,
    bucket: &str,
) -> Result<DefaultEncryption, Fault> {
    let request = S3Request::new(Method::GET, bucket).query("encryption", "");
    let rule = actor.s3(request).await?.at(&["Rule"]);
    let default = rule.at(&["ApplyServerSideEncryptionByDefault"]);
    Ok(DefaultEncryption {
        algorithm: default.text("SSEAlgorithm").to_owned(),
        key: default.text("KMSMasterKeyID").to_owned(),
        bucket_key: rule.text("BucketKeyEnabled") == "true",
        blocks_customer: rule
            .at(&["BlockedEncryptionTypes"])
            .all("EncryptionType")
            .any(|kind| kind.own_text() == "SSE-C"),
    })
}

/// Names of keys to choose from. Who may not list them types one.
pub(crate) async fn key_names(actor: &Actor<'_>) -> Result<Vec<String>, Fault> {
    match actor.kms("ListAliases", &json!({ "Limit": 100 })).await {
        Ok(answer) => Ok(answer["Aliases"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|alias| alias["TargetKeyId"].is_string())
            .filter_map(|alias| alias["AliasName"].as_str().map(str::to_owned))
            .collect()),
        Err(Fault::Refused(_)) => Ok(Vec::new()),
        Err(fault) => Err(fault),
    }
}

/// The ARN of the key that somebody named.
pub(crate) async fn key_arn(actor: &Actor<'_>, name: &str) -> Result<String, Fault> {
    if name.starts_with("arn:aws:kms:") && name.contains(":key/") {
        return Ok(name.to_owned());
    }
    let answer = actor.kms("DescribeKey", &json!({ "KeyId": name })).await?;
    match &answer["KeyMetadata"]["Arn"] {
        Value::String(arn) => Ok(arn.clone()),
        _ => Err(Fault::Internal),
    }
}

/// Text for a document in XML.
pub(crate) fn xml_text(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            character => safe.push(character),
        }
    }
    safe
}

/// The document of a bucket's default encryption. Without a word on customers' keys, they are as they were.
pub(crate) fn encryption_document(
    algorithm: &str,
    key: &str,
    bucket_key: bool,
    blocks_customer: Option<bool>,
) -> String {
    let blocked = match blocks_customer {
        None => "",
        Some(true) => {
            "<BlockedEncryptionTypes><EncryptionType>SSE-C</EncryptionType></BlockedEncryptionTypes>"
        }
        Some(false) => {
            "<BlockedEncryptionTypes><EncryptionType>NONE</EncryptionType></BlockedEncryptionTypes>"
        }
    };
    let key = match key {
        "" => String::new(),
        key => format!("<KMSMasterKeyID>{}</KMSMasterKeyID>", xml_text(key)),
    };
    format!(
        "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>{}</SSEAlgorithm>{key}\
         </ApplyServerSideEncryptionByDefault><BucketKeyEnabled>{bucket_key}</BucketKeyEnabled>{blocked}</Rule></ServerSideEncryptionConfiguration>",
        xml_text(algorithm)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_break_out_of_its_document() {
        let document = encryption_document("aws:kms", "</KMSMasterKeyID><x>&", true, None);
        assert!(
            document
                .contains("<KMSMasterKeyID>&lt;/KMSMasterKeyID&gt;&lt;x&gt;&amp;</KMSMasterKeyID>")
        );
    }

    #[test]
    fn places_carry_any_key() {
        assert_eq!(
            object_place("b", "a b/<ä>?&", ""),
            "/console/buckets/b/object?key=a%20b%2F%3C%C3%A4%3E%3F%26"
        );
        assert_eq!(bucket_place("b", ""), "/console/buckets/b");
    }
}
