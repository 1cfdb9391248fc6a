//! Why there is no root key, in one sentence each that names the root that was expected.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::key::RootKeyError;

/// Why a root of trust cannot be opened, asked or moved.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// The file of a root key is not usable.
    #[error(transparent)]
    Key(#[from] RootKeyError),
    /// What the configuration says means nothing, or may not be.
    #[error("the root of trust {text:?} cannot be used: {reason}")]
    Config {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The data folder has another root than the configuration.
    #[error(
        "the root key of this data folder is held by {there}, but the configuration says {configured}: correct the \
         configuration, or move the root with `sealgate root rewrap`"
    )]
    Mismatch {
        /// What the data folder says.
        there: String,
        /// What the configuration says.
        configured: String,
    },
    /// The wrapped root key is not there, and none may be made.
    #[error(
        "the wrapped root key {file} is missing: it was made for {root}, and without it the data cannot be opened"
    )]
    Missing {
        /// Where it should be.
        file: PathBuf,
        /// Who could unwrap it.
        root: String,
    },
    /// There is a root already where a new one was to be made.
    #[error("there is a root key already in {0}: nothing is overwritten")]
    Exists(PathBuf),
    /// The document is not one.
    #[error("the wrapped root key {file} is damaged: {reason}")]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The holder gave a key that is not the one the data is sealed under.
    #[error(
        "{root} gives the root key {found}, but this data folder is sealed under the root key {expected}"
    )]
    WrongKey {
        /// The holder.
        root: String,
        /// Id of the key that it gave.
        found: String,
        /// Id of the key that was expected.
        expected: String,
    },
    /// The holder does not answer at the moment.
    #[error("{root} does not answer: {reason}")]
    Unreachable {
        /// The holder.
        root: String,
        /// What happened.
        reason: String,
    },
    /// The holder is not there, or will not give the root key.
    #[error("{root} does not give the root key: {reason}")]
    Refused {
        /// The holder.
        root: String,
        /// What it said.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error("{file} cannot be used: {error}")]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The root is lost at the moment.
    #[error(transparent)]
    Unavailable(#[from] RootUnavailable),
}

/// The root key is out of reach for now: its holder is gone or refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the root of trust is not available: {0}")]
pub struct RootUnavailable(pub Arc<str>);

/// What a holder answered instead of doing what it was asked.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Nothing, or that it cannot at the moment: it may be back soon.
    Unreachable(String),
    /// No; or it is gone.
    Refused(String),
}

impl Refusal {
    pub(crate) fn refused(reason: impl Into<String>) -> Refusal {
        Refusal::Refused(reason.into())
    }

    pub(crate) fn unreachable(reason: impl Into<String>) -> Refusal {
        Refusal::Unreachable(reason.into())
    }

    pub(crate) fn by(self, root: &impl ToString) -> RootError {
        let root = root.to_string();
        match self {
            Refusal::Unreachable(reason) => RootError::Unreachable { root, reason },
            Refusal::Refused(reason) => RootError::Refused { root, reason },
        }
    }
}
