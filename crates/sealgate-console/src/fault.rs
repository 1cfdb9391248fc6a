//! Why there is no such page, in words for a person.

use http::StatusCode;
use thiserror::Error;

/// What an API refused: its code, its words.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{code}: {message}")]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Refusal {
    /// Whether it is one of permission.
    pub(crate) fn is_denial(&self) -> bool {
        matches!(
            self.code.as_str(),
            "AccessDenied" | "AccessDeniedException" | "AllAccessDisabled"
        )
    }

    /// Whether there is no such thing.
    pub(crate) fn is_absence(&self) -> bool {
        self.status == 404
            || matches!(
                self.code.as_str(),
                "NotFoundException" | "NoSuchEntity" | "InvalidArnException"
            )
    }

    /// The sentence for a person.
    pub(crate) fn words(&self) -> &str {
        if self.message.is_empty() {
            &self.code
        } else {
            &self.message
        }
    }
}

/// Why a page cannot be shown.
#[derive(Debug, Error)]
pub(crate) enum Fault {
    /// Nobody is signed in, or not any more.
    #[error("nobody is signed in")]
    SignIn,
    /// There is no such page, or no such thing to show.
    #[error("not found")]
    NotFound,
    /// The form does not come from a page of this session.
    #[error("the form is not ours")]
    Forged,
    /// The form cannot be read, or says nothing that can be done.
    #[error("{0}")]
    Form(&'static str),
    /// The form is too large.
    #[error("the form is too large")]
    TooLarge,
    /// Secrets may not travel this way.
    #[error("not over cleartext")]
    Cleartext,
    /// The API refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Something here failed; what, is in the log.
    #[error("internal error")]
    Internal,
}

impl Fault {
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Fault::SignIn => StatusCode::UNAUTHORIZED,
            Fault::NotFound => StatusCode::NOT_FOUND,
            Fault::Forged | Fault::Cleartext => StatusCode::FORBIDDEN,
            Fault::Form(_) => StatusCode::BAD_REQUEST,
            Fault::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Fault::Refused(refusal) => {
                StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST)
            }
            Fault::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Heading and sentence of the error's page.
    pub(crate) fn words(&self) -> (&'static str, String) {
        match self {
            Fault::SignIn => ("Sign in first", "Your session has ended.".into()),
            Fault::NotFound => ("Not found", "There is nothing at this address.".into()),
            Fault::Forged => (
                "The form was not accepted",
                "It does not come from a page of your session, or the session has changed since. Go back, reload the \
                 page, and send it again."
                    .into(),
            ),
            Fault::Form(why) => ("The form was not understood", (*why).to_owned()),
            Fault::TooLarge => ("Too large", "The form is larger than any of ours.".into()),
            Fault::Cleartext => (
                "Only over TLS",
                "A secret must not travel over a network in the clear. Open the console by its https address."
                    .into(),
            ),
            Fault::Refused(refusal) if refusal.is_denial() => {
                ("You may not do this", refusal.words().to_owned())
            }
            Fault::Refused(refusal) if refusal.is_absence() => {
                ("Not found", refusal.words().to_owned())
            }
            Fault::Refused(refusal) => ("Refused", refusal.words().to_owned()),
            Fault::Internal => (
                "Something failed here",
                "The gateway could not do it; its log says why.".into(),
            ),
        }
    }
}
