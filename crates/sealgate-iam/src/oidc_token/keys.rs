//! The keys of providers, kept for a while: bounded in number and time, fetched by one request at a
//! time, and not again at once because a stranger names a key that does not exist.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::Jwk;
use lru::LruCache;
use parking_lot::Mutex;
use rustls::RootCertStore;
use tokio::sync::OnceCell;

use super::issuer::Issuer;
use super::signature::{Claims, Head, Verdict, verify};
use super::{TokenFault, fetch, tls};
use crate::model::OidcProvider;

/// Providers whose keys are kept.
const CAPACITY: usize = 256;
/// Keys are fetched anew after this time.
const FRESH: Duration = Duration::from_secs(3600);
/// And not more often than this, whether or not it succeeds.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// What was fetched of one provider.
#[derive(Default)]
struct Fetched {
    keys: Vec<Jwk>,
    /// When they were fetched; `None` if they were not, or not lately.
    at: Option<Instant>,
    attempt: Option<Instant>,
}

impl Fetched {
    fn is_fresh(&self) -> bool {
        self.at.is_some_and(|at| at.elapsed() < FRESH)
    }

    fn may_ask(&self) -> bool {
        self.attempt.is_none_or(|at| at.elapsed() >= RETRY_AFTER)
    }
}

type Entry = Arc<tokio::sync::Mutex<Fetched>>;

pub(crate) struct ProviderKeys {
    entries: Mutex<LruCache<String, Entry>>,
    authorities: OnceCell<Arc<RootCertStore>>,
}

impl ProviderKeys {
    pub fn new() -> ProviderKeys {
        const SIZE: NonZeroUsize = match NonZeroUsize::new(CAPACITY) {
            Some(size) => size,
            None => NonZeroUsize::MIN,
        };
        ProviderKeys {
            entries: Mutex::new(LruCache::new(SIZE)),
            authorities: OnceCell::new(),
        }
    }

    /// The claims of a token that a key of this provider signed.
    pub(super) async fn verified(
        &self,
        provider: &OidcProvider,
        issuer: &Issuer,
        token: &str,
        head: &Head,
    ) -> Result<Claims, TokenFault> {
        let entry = self.entry(provider, issuer);
        // Held while keys are fetched: who comes meanwhile waits for them instead of asking as well.
        let mut fetched = entry.lock().await;
        if !fetched.is_fresh() {
            if !fetched.may_ask() {
                return Err(TokenFault::Unreachable);
            }
            self.fetch(&mut fetched, provider, issuer).await?;
        }
        let mut verdict = verify(token, head, &fetched.keys);
        // The provider may have a new key since.
        if matches!(verdict, Verdict::NoKey) && fetched.may_ask() {
            self.fetch(&mut fetched, provider, issuer).await?;
            verdict = verify(token, head, &fetched.keys);
        }
        match verdict {
            Verdict::Signed(claims) => Ok(claims),
            Verdict::NoKey => Err(TokenFault::invalid(
                "No verification key of your identity provider goes with the key id and the algorithm of the token.",
            )),
            Verdict::Forged => Err(TokenFault::invalid("Token signature is invalid.")),
        }
    }

    fn entry(&self, provider: &OidcProvider, issuer: &Issuer) -> Entry {
        // Of an account, and of what it trusts: the keys that one account's thumbprints let in are not
        // another's.
        let name = format!(
            "{} {} {}",
            provider.arn(),
            provider.thumbprints.join(","),
            issuer.url()
        );
        let mut entries = self.entries.lock();
        Arc::clone(entries.get_or_insert(name, Entry::default))
    }

    async fn fetch(
        &self,
        fetched: &mut Fetched,
        provider: &OidcProvider,
        issuer: &Issuer,
    ) -> Result<(), TokenFault> {
        let unreachable = |error: &dyn std::error::Error| {
            let cause = error.source().map(ToString::to_string);
            tracing::warn!(issuer = issuer.url(), %error, cause, "no keys from an identity provider");
            TokenFault::Unreachable
        };
        fetched.attempt = Some(Instant::now());
        let authorities = self
            .authorities
            .get_or_init(|| async {
                let read = tokio::task::spawn_blocking(tls::system_authorities);
                Arc::new(read.await.unwrap_or_else(|_| RootCertStore::empty()))
            })
            .await;
        let tls = tls::configuration(Arc::clone(authorities), &provider.thumbprints)
            .map_err(|error| unreachable(&error))?;
        fetched.keys = fetch::keys(issuer, tls)
            .await
            .map_err(|error| unreachable(&error))?;
        fetched.at = Some(Instant::now());
        Ok(())
    }
}
