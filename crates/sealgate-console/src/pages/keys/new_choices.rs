//! What can be chosen in the wizard, and what was: its fields, and whether they go together.

use serde_json::{Value, json};

use super::new_policy::{self, Plan};
use crate::forms::Form;

pub(super) struct Purpose {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) usage: &'static str,
    /// The first one is what is taken if nothing is chosen.
    pub(super) specs: &'static [&'static str],
}

pub(super) const PURPOSES: [Purpose; 5] = [
    Purpose {
        id: "encrypt",
        title: "Encrypt and decrypt",
        about: "One secret key that never leaves. For objects in buckets, and for data keys.",
        usage: "ENCRYPT_DECRYPT",
        specs: &["SYMMETRIC_DEFAULT"],
    },
    Purpose {
        id: "sign",
        title: "Sign and verify",
        about: "A key pair. Anybody with the public key can check a signature.",
        usage: "SIGN_VERIFY",
        specs: &[
            "ECC_NIST_P256",
            "ECC_NIST_P384",
            "ECC_NIST_P521",
            "ECC_NIST_EDWARDS25519",
            "ECC_SECG_P256K1",
            "RSA_2048",
            "RSA_3072",
            "RSA_4096",
            "ML_DSA_44",
            "ML_DSA_65",
            "ML_DSA_87",
        ],
    },
    Purpose {
        id: "encrypt-public",
        title: "Encrypt with a public key",
        about: "A key pair. Anybody with the public key can encrypt, outside of here as well.",
        usage: "ENCRYPT_DECRYPT",
        specs: &["RSA_3072", "RSA_2048", "RSA_4096"],
    },
    Purpose {
        id: "mac",
        title: "Make and verify MACs",
        about: "One secret key for tokens and checks that only its users can make.",
        usage: "GENERATE_VERIFY_MAC",
        specs: &["HMAC_256", "HMAC_224", "HMAC_384", "HMAC_512"],
    },
    Purpose {
        id: "agree",
        title: "Agree on secrets",
        about: "A key pair for deriving a secret that two sides share.",
        usage: "KEY_AGREEMENT",
        specs: &["ECC_NIST_P256", "ECC_NIST_P384", "ECC_NIST_P521"],
    },
];
pub(super) const STEPS: [&str; 5] = ["Purpose", "Name", "Administrators", "Users", "Review"];
/// Every field, so that each step can carry those of the others.
pub(super) const FIELDS: [&str; 16] = [
    "purpose",
    "spec",
    "origin",
    "store",
    "xks_key",
    "multi_region",
    "alias",
    "description",
    "tags",
    "administrator",
    "may_delete",
    "chose_administrators",
    "user",
    "others",
    "policy",
    "proposed",
];
/// Those that a step shows.
pub(super) const SHOWN: [&[&str]; 5] = [
    &[
        "purpose",
        "spec",
        "origin",
        "store",
        "xks_key",
        "multi_region",
    ],
    &["alias", "description", "tags"],
    &["administrator", "may_delete", "chose_administrators"],
    &["user", "others"],
    &["policy", "proposed"],
];

/// What was chosen so far.
pub(super) struct Choices<'a> {
    pub(super) form: &'a Form,
    pub(super) purpose: &'static Purpose,
    pub(super) spec: &'a str,
}

impl<'a> Choices<'a> {
    pub(super) fn of(form: &'a Form) -> Choices<'a> {
        let id = form.get("purpose");
        let purpose = PURPOSES
            .iter()
            .find(|purpose| purpose.id == id)
            .unwrap_or(&PURPOSES[0]);
        let spec = match form.get("spec") {
            "" => purpose.specs.first().copied().unwrap_or_default(),
            spec => spec,
        };
        Choices {
            form,
            purpose,
            spec,
        }
    }

    pub(super) fn spec_problem(&self) -> Option<&'static str> {
        let fits = self.purpose.specs.contains(&self.spec);
        (!fits).then_some("This kind of key cannot serve the purpose above.")
    }

    pub(super) fn origin(&self) -> &'static str {
        match self.form.get("origin") {
            "EXTERNAL" => "EXTERNAL",
            "EXTERNAL_KEY_STORE" => "EXTERNAL_KEY_STORE",
            _ => "AWS_KMS",
        }
    }

    pub(super) fn origin_problem(&self) -> Option<&'static str> {
        match self.origin() {
            "EXTERNAL_KEY_STORE" if self.spec != "SYMMETRIC_DEFAULT" => {
                Some("In an external key store there are only keys that encrypt and decrypt.")
            }
            "EXTERNAL_KEY_STORE" if self.form.has("multi_region") => {
                Some("A key in an external key store is no multi-Region key.")
            }
            "EXTERNAL" if self.spec.starts_with("ML_DSA") => {
                Some("Keys of ML-DSA are made here, and cannot be imported.")
            }
            _ => None,
        }
    }

    pub(super) fn store_problem(&self) -> Option<&'static str> {
        let missing = self.form.get("store").is_empty() || self.form.get("xks_key").is_empty();
        (self.origin() == "EXTERNAL_KEY_STORE" && missing)
            .then_some("Choose the key store, and say which of its keys it is.")
    }

    /// Whether the first step can be left.
    pub(super) fn kind_problem(&self) -> Option<&'static str> {
        self.spec_problem()
            .or(self.origin_problem())
            .or(self.store_problem())
    }

    pub(super) fn alias_problem(&self) -> Option<String> {
        let alias = self.form.get("alias");
        let good = alias
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/_-".contains(&byte));
        if alias.is_empty() {
            Some("A key without a name is hard to find again.".into())
        } else if alias.starts_with("aws/") {
            Some("Names that begin with aws/ are for keys of the gateway.".into())
        } else if !good || alias.len() > 250 {
            Some("Letters, digits, and the signs / _ and - only, at most 250.".into())
        } else {
            None
        }
    }

    pub(super) fn tags(&self) -> Result<Vec<Value>, String> {
        let mut tags = Vec::new();
        for line in self.form.raw("tags").lines().map(str::trim) {
            if line.is_empty() {
                continue;
            }
            let Some((key, value)) = line.split_once('=') else {
                return Err(format!("“{line}” is not of the form name=value."));
            };
            tags.push(json!({ "TagKey": key.trim(), "TagValue": value.trim() }));
        }
        if tags.len() > 50 {
            return Err("A key has at most 50 tags.".into());
        }
        Ok(tags)
    }

    pub(super) fn others(&self) -> Vec<String> {
        self.form
            .raw("others")
            .split([',', '\n', ' '])
            .map(str::trim)
            .filter(|other| !other.is_empty())
            .map(str::to_owned)
            .collect()
    }

    pub(super) fn others_problem(&self) -> Option<String> {
        let wrong = self.others().into_iter().find(|other| {
            let number = other.len() == 12 && other.bytes().all(|byte| byte.is_ascii_digit());
            !(number || other.starts_with("arn:aws:iam::"))
        })?;
        Some(format!(
            "“{wrong}” is neither the twelve digits of an account nor an ARN of somebody there."
        ))
    }

    pub(super) fn proposed_policy(&self, account: &str) -> String {
        new_policy::document(&Plan {
            account,
            usage: self.purpose.usage,
            symmetric: self.spec == "SYMMETRIC_DEFAULT",
            administrators: &self.form.all("administrator"),
            administrators_may_delete: self.may_delete(),
            users: &self.form.all("user"),
            others: &self.others(),
        })
    }

    /// Ticked until somebody unticks it.
    pub(super) fn may_delete(&self) -> bool {
        self.form.has("may_delete") || !self.form.has("chose_administrators")
    }
}
