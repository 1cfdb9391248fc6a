//! Who uses a managed policy, and who is in a group: the relations that records hold, from their
//! other side.

use crate::Iam;
use crate::error::IamError;
use crate::holder::HolderKind;
use crate::records::{self, ATTACHED, BOUNDED};

/// The id of the record that says that an entity uses a policy, in [`ATTACHED`] or [`BOUNDED`].
/// Neither ARNs nor names have spaces.
pub(crate) fn use_id(account_id: &str, arn: &str, kind: HolderKind, folded_name: &str) -> String {
    format!("{account_id}/{arn} {}/{folded_name}", kind.as_str())
}

/// The id of the record that says that a user is in a group.
pub(crate) fn member_id(account_id: &str, folded_group: &str, folded_user: &str) -> String {
    format!("{account_id}/{folded_group} {folded_user}")
}

impl Iam {
    /// To how many entities of the account a policy is attached, and of how many it is the boundary.
    pub(crate) async fn uses(
        &self,
        account_id: &str,
        arn: &str,
    ) -> Result<(usize, usize), IamError> {
        let prefix = format!("{account_id}/{arn} ");
        let attached = records::rests(self.index(), ATTACHED, &prefix).await?;
        let bounded = records::rests(self.index(), BOUNDED, &prefix).await?;
        Ok((attached.len(), bounded.len()))
    }
}
