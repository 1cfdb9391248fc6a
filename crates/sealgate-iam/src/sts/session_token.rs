//! GetSessionToken: the caller itself, for a while.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html>

use std::collections::BTreeSet;

use sealgate_policy::{Caller, PrincipalKind};
use time::Duration;

use super::{SessionDuration, StsError, refuse_in_session};
use crate::Iam;
use crate::records::Tags;
use crate::sessions::{SessionCredentials, SessionOf, SessionRecord, seal};

impl Iam {
    /// Gives a user or the root user temporary credentials. Needs no permission, and no policy can
    /// forbid it.
    pub async fn session_token(
        &self,
        caller: &Caller,
        duration: Option<SessionDuration>,
    ) -> Result<SessionCredentials, StsError> {
        refuse_in_session(caller, "GetSessionToken")?;
        let of = match &caller.principal.kind {
            PrincipalKind::Root => SessionOf::Root,
            PrincipalKind::User { name } => SessionOf::User {
                id: caller.principal.id.clone(),
                name: name.clone(),
            },
            _ => {
                return Err(StsError::AccessDenied(
                    "Only users can call GetSessionToken.".into(),
                ));
            }
        };
        let duration = duration_of(caller, duration);
        let issued = caller.environment.now;
        let session = SessionRecord {
            account_id: caller.principal.account_id.clone(),
            of,
            issued,
            expires: issued + Duration::seconds(i64::from(duration.seconds())),
            policies: None,
            tags: Tags::new(),
            transitive: BTreeSet::new(),
            source_identity: None,
            federated_provider: None,
        };
        Ok(seal(self.sealing_key(), &session)?)
    }
}

/// Twelve hours unless said otherwise; an hour at most for the root user, whatever was asked for.
pub(super) fn duration_of(caller: &Caller, asked: Option<SessionDuration>) -> SessionDuration {
    let duration = asked.unwrap_or(SessionDuration::TWELVE_HOURS);
    match caller.principal.kind {
        PrincipalKind::Root => duration.min(SessionDuration::HOUR),
        _ => duration,
    }
}
