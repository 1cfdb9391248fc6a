//! Grant tokens: which grant, sealed under the platform key, so that none can be made up.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use uuid::Uuid;

use crate::arn::AccountId;
use crate::error::KmsError;
use crate::grants::GrantId;
use crate::kms::Kms;

const PURPOSE: &str = "kms grant token";

/// A token for a grant, different each time.
pub(crate) fn make_token(
    kms: &Kms,
    account: AccountId,
    key: Uuid,
    grant: &GrantId,
) -> Result<String, KmsError> {
    let mut said = Vec::with_capacity(56);
    said.extend_from_slice(&account.number().to_be_bytes());
    said.extend_from_slice(key.as_bytes());
    said.extend_from_slice(grant.bytes());
    Ok(BASE64.encode(kms.platform_wrap(PURPOSE, &[], &said)?))
}

/// The grant that a token was made for, which may be gone. `None` if it is no token of this KMS.
pub(crate) fn open_token(
    kms: &Kms,
    token: &str,
) -> Result<Option<(AccountId, Uuid, GrantId)>, KmsError> {
    let Ok(wrapped) = BASE64.decode(token) else {
        return Ok(None);
    };
    let said = match kms.platform_unwrap(PURPOSE, &[], &wrapped) {
        Ok(said) => said,
        Err(KmsError::InvalidCiphertext) => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(parse(&said))
}

fn parse(said: &[u8]) -> Option<(AccountId, Uuid, GrantId)> {
    let (account, rest) = said.split_first_chunk::<8>()?;
    let (key, rest) = rest.split_first_chunk::<16>()?;
    let grant: [u8; 32] = rest.try_into().ok()?;
    let account = AccountId::from_number(u64::from_be_bytes(*account))?;
    Some((account, Uuid::from_bytes(*key), GrantId::from_bytes(grant)))
}
