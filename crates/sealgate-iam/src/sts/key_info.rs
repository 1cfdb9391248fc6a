//! GetAccessKeyInfo: whose account a key id is of.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetAccessKeyInfo.html>

use sealgate_policy::{Caller, Context};

use super::{StsError, permit, refuse_in_session};
use crate::Iam;
use crate::records::{self, KEYS, KeyRecord};
use crate::sessions::account_of;

impl Iam {
    /// The account of an access key, permanent or temporary, in whatever state it is.
    pub async fn access_key_account(
        &self,
        caller: &Caller,
        access_key_id: &str,
    ) -> Result<String, StsError> {
        refuse_in_session(caller, "GetAccessKeyInfo")?;
        permit(caller, "sts:GetAccessKeyInfo", "*", &Context::new())?;
        let temporary = match account_of(access_key_id) {
            Some(id) => self.account(&id).await?.map(|account| account.id),
            None => None,
        };
        if let Some(id) = temporary {
            return Ok(id);
        }
        records::load::<KeyRecord>(self.index(), KEYS, access_key_id)
            .await?
            .map(|key| key.account_id)
            .ok_or_else(|| {
                StsError::validation(format!("The access key ID {access_key_id} does not exist."))
            })
    }
}
