//! STS over the Query protocol.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_Operations.html>

use sealgate_policy::Caller;

use super::xml::Xml;

/// The namespace of the answers.
pub const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Who am I? Needs no permission, and no policy can forbid it.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>
pub fn get_caller_identity(caller: &Caller) -> Xml {
    let mut xml = Xml::new();
    xml.text("Arn", &caller.principal.arn);
    xml.text("UserId", &caller.principal.id);
    xml.text("Account", &caller.principal.account_id);
    xml
}
