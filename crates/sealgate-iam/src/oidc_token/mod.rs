//! Tokens of OpenID Connect providers: who signed them, for whom, and until when.
//!
//! What is accepted is what the provider's registration says: its issuer, its audiences, and keys that
//! are fetched from the issuer itself. The header of a token chooses among those keys by id and names
//! its algorithm, and nothing else in it is looked at: no key, no address of a key.
//! <https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation>

mod claims;
mod fetch;
mod issuer;
mod keys;
mod signature;
mod tls;

use thiserror::Error;
use time::OffsetDateTime;

use crate::Iam;
use crate::error::IamError;
use crate::model::OidcProvider;

pub(crate) use claims::IdentityToken;
use issuer::Issuer;
pub(crate) use keys::ProviderKeys;

/// Why a token is not accepted, in the words of AssumeRoleWithWebIdentity.
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html#API_AssumeRoleWithWebIdentity_Errors>
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TokenFault {
    /// Not a token, not of this provider, not signed by it, or not for us.
    #[error("{0}")]
    Invalid(String),
    /// After its time.
    #[error("{0}")]
    Expired(String),
    /// A claim forbids to accept the token.
    #[error("{0}")]
    RejectedClaim(String),
    /// The keys of the provider cannot be had; why is in the log.
    #[error(
        "Couldn't retrieve verification key from your identity provider, please reference AssumeRoleWithWebIdentity documentation for requirements"
    )]
    Unreachable,
    /// Providers could not be read.
    #[error("The request processing has failed because of an unknown error, exception or failure.")]
    Internal(IamError),
}

impl TokenFault {
    fn invalid(message: impl Into<String>) -> TokenFault {
        TokenFault::Invalid(message.into())
    }
}

/// The longest token that STS takes.
pub(crate) const MAX_TOKEN: usize = 20_000;

impl Iam {
    /// Checks a token: which of the account's providers made it, and what it says.
    pub(crate) async fn check_identity_token(
        &self,
        account_id: &str,
        token: &str,
        now: OffsetDateTime,
    ) -> Result<(OidcProvider, IdentityToken), TokenFault> {
        let unreadable = || {
            TokenFault::invalid(
                "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
            )
        };
        if token.len() > MAX_TOKEN {
            return Err(unreadable());
        }
        let head = signature::head(token).ok_or_else(unreadable)?;
        let issuer = claims::unverified_issuer(token).ok_or_else(unreadable)?;
        let issuer = Issuer::parse(&issuer)
            .ok_or_else(|| TokenFault::invalid("The ID Token issuer is not acceptable."))?;
        let provider = self
            .oidc_provider(account_id, issuer.name())
            .await
            .map_err(TokenFault::Internal)?
            .ok_or_else(|| {
                TokenFault::invalid(format!(
                    "No OpenIDConnect provider found in your account for {}",
                    issuer.url()
                ))
            })?;
        let claims = self
            .inner
            .provider_keys
            .verified(&provider, &issuer, token, &head)
            .await?;
        let checked = claims::check(&claims, &provider, &issuer, now)?;
        Ok((provider, checked))
    }
}
