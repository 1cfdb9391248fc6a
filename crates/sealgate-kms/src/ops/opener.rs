//! Opening ciphertexts: which key, whether it may, and the plaintext.

use zeroize::Zeroizing;

use crate::access::Found;
use crate::asymmetric::off_the_workers;
use crate::attempt::Attempt;
use crate::ciphertext::{self, MAX_CIPHERTEXT, MadeWith};
use crate::context::EncryptionContext;
use crate::error::KmsError;
use crate::kind::{EncryptionAlgorithm, KeySpec};
use crate::kms::Kms;
use crate::operation::Operation;
use crate::ops::crypto::{check_kind, check_size};

/// A ciphertext as far as it is understood without a key.
#[derive(Clone, Copy)]
pub(crate) enum Ciphertext<'b> {
    /// Of a symmetric key: what it was made with, and what is wrapped.
    Made(MadeWith, &'b [u8]),
    /// Of an RSA key, or of none.
    Bare(&'b [u8]),
}

/// A key, and the ciphertext that it shall open.
pub(crate) struct Opener<'b> {
    pub found: Found,
    pub algorithm: EncryptionAlgorithm,
    /// `None` where a dry run asks for the permission alone.
    pub ciphertext: Option<Ciphertext<'b>>,
}

impl Opener<'_> {
    /// Refuses a key that did not make the ciphertext, whose usage, state or spec forbids to open it, or an
    /// encryption context where there can be none. The order is AWS's.
    pub(crate) fn check(
        &self,
        operation: Operation,
        context: &EncryptionContext,
    ) -> Result<(), KmsError> {
        let (record, arn) = (&self.found.key.record, &self.found.key.arn);
        if let Some(Ciphertext::Made(made_with, _)) = self.ciphertext
            && (made_with.account, made_with.key) != (record.account, record.id)
        {
            return Err(KmsError::IncorrectKey);
        }
        operation.check_use(record, arn)?;
        let symmetric = EncryptionAlgorithm::SymmetricDefault;
        if self.algorithm == symmetric && record.spec != KeySpec::SymmetricDefault {
            // Also one that names the key and was forged: no such ciphertext is ever made.
            return match self.ciphertext {
                Some(_) => Err(KmsError::InvalidCiphertext),
                None => record
                    .spec
                    .check_algorithm(record.usage, symmetric.as_str()),
            };
        }
        check_kind(record, self.algorithm, context)
    }
}

impl Kms {
    /// Finds the key to open a ciphertext with: the one that is named, or else the one in the ciphertext.
    /// What the ciphertext says counts only after [`Opener::check`].
    pub(crate) async fn find_opener<'b>(
        &self,
        attempt: &mut Attempt,
        action: &str,
        key_id: Option<&str>,
        algorithm: EncryptionAlgorithm,
        blob: &'b [u8],
    ) -> Result<Opener<'b>, KmsError> {
        check_size("ciphertextBlob", blob.len(), MAX_CIPHERTEXT)?;
        if algorithm != EncryptionAlgorithm::SymmetricDefault {
            // An RSA ciphertext says nothing of its key.
            let mut opener = self
                .find_named_opener(attempt, action, key_id, algorithm)
                .await?;
            opener.ciphertext = Some(Ciphertext::Bare(blob));
            return Ok(opener);
        }
        let parsed = ciphertext::parse(blob);
        let found = match (key_id, parsed) {
            (Some(key_id), _) => self.find(attempt, action, key_id, "keyId").await?,
            (None, Some((made_with, _))) => self.find_made_with(attempt, action, made_with).await?,
            (None, None) => return Err(KmsError::InvalidCiphertext),
        };
        Ok(Opener {
            found,
            algorithm,
            ciphertext: Some(match parsed {
                Some((made_with, wrapped)) => Ciphertext::Made(made_with, wrapped),
                None => Ciphertext::Bare(blob),
            }),
        })
    }

    /// Finds the key to open a ciphertext with where none can tell it.
    pub(crate) async fn find_named_opener(
        &self,
        attempt: &mut Attempt,
        action: &str,
        key_id: Option<&str>,
        algorithm: EncryptionAlgorithm,
    ) -> Result<Opener<'static>, KmsError> {
        let Some(key_id) = key_id else {
            return Err(KmsError::Validation(
                "The key ID is required: the ciphertext does not name its key.".to_owned(),
            ));
        };
        Ok(Opener {
            found: self.find(attempt, action, key_id, "keyId").await?,
            algorithm,
            ciphertext: None,
        })
    }

    /// Opens a ciphertext, with the version of the key's material that made it; tells which, where there are
    /// several.
    pub(crate) async fn open_with(
        &self,
        attempt: &Attempt,
        opener: &Opener<'_>,
        context: &EncryptionContext,
    ) -> Result<(Zeroizing<Vec<u8>>, Option<String>), KmsError> {
        match opener.ciphertext {
            Some(Ciphertext::Made(made_with, wrapped)) => {
                let (key, moment) = (&opener.found.key, opener.found.moment);
                let told = || attempt.told(Some(&key.arn));
                let (plaintext, id) = self
                    .open_symmetric(key, made_with, moment, context, wrapped, told)
                    .await?;
                Ok((plaintext, Some(id).filter(|_| key.record.rotates())))
            }
            Some(Ciphertext::Bare(blob))
                if opener.algorithm != EncryptionAlgorithm::SymmetricDefault =>
            {
                let key = self.current_material(&opener.found)?;
                let (algorithm, blob) = (opener.algorithm, blob.to_vec());
                let work = move || key.private().map(|key| key.decrypt(algorithm, &blob));
                let plaintext = off_the_workers(work).await??;
                Ok((plaintext.ok_or(KmsError::InvalidCiphertext)?, None))
            }
            Some(Ciphertext::Bare(_)) | None => Err(KmsError::InvalidCiphertext),
        }
    }
}
