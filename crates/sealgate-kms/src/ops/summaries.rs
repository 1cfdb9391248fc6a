//! Many keys at a glance: what ListKeys, DescribeKey and ListAliases say of each, in one attempt and one record of
//! the trail. A list of keys would else leave a record for each line of it, and a search one for each key there is.

use std::sync::Arc;

use sealgate_policy::Decision;
use time::OffsetDateTime;

use crate::access::{Found, Named, decide, key_context};
use crate::arn::{AccountId, KeyId};
use crate::attempt::Attempt;
use crate::error::KmsError;
use crate::kms::Kms;
use crate::operation::Operation;
use crate::paging::Paging;
use crate::store::Key;
use crate::types::{Call, KeyMetadata, PageRequest};

/// Keys that are read at a time.
const BATCH: usize = 250;
/// Keys that are looked at for one page, and how many at most are on it.
const MOST: usize = 5000;

/// Which keys of the caller's account to tell of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyQuery {
    /// What stands in the id, an alias, or the description, whatever the case; empty for all.
    pub text: String,
    /// `KeyState`, or empty for all.
    pub state: String,
    /// `KeyUsage`, or empty for all.
    pub usage: String,
    /// Keys on a page.
    pub limit: usize,
    /// Keys that are looked at for a page: a search of many keys has many pages.
    pub look_at: usize,
    /// The marker of the page before.
    pub marker: Option<String>,
}

/// A key at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySummary {
    /// `KeyId`.
    pub key_id: String,
    /// Names of its aliases, with `alias/`; none where the caller may not list aliases.
    pub aliases: Vec<String>,
    /// What DescribeKey says; `None` where the caller may not describe the key.
    pub metadata: Option<KeyMetadata>,
    /// `NextRotationDate`, of a key that is rotated by schedule.
    pub next_rotation: Option<OffsetDateTime>,
    /// How often its current material was used, as far as it was noted.
    pub uses: u64,
}

/// A page of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySummaries {
    /// The keys, in the order of their ids; those whose alias the text begins come first on the first page.
    pub keys: Vec<KeySummary>,
    /// How many keys were looked at.
    pub looked_at: usize,
    /// Where the next page begins, if there is more to look at.
    pub next_marker: Option<String>,
}

impl Kms {
    /// A page of keys at a glance. Asks for `kms:ListKeys`, and leaves one record, of that operation; what is told of
    /// a key is what `kms:DescribeKey` and `kms:ListAliases` let the caller know.
    ///
    /// # Errors
    /// As AWS documents for ListKeys.
    pub async fn key_summaries(
        &self,
        call: &Call<'_>,
        query: &KeyQuery,
    ) -> Result<KeySummaries, KmsError> {
        let mut attempt = Attempt::begin(call, Operation::ListKeys);
        let result = Box::pin(self.summarize(&mut attempt, query)).await;
        self.conclude(attempt, result).await
    }

    async fn summarize(
        &self,
        attempt: &mut Attempt,
        query: &KeyQuery,
    ) -> Result<KeySummaries, KmsError> {
        attempt.parameter("limit", query.limit);
        attempt.optional("marker", query.marker.as_deref());
        let context = attempt.context();
        let account = self.permit_in_account(attempt, "kms:ListKeys", "*", &context)?;
        let page = PageRequest {
            limit: None,
            marker: query.marker.clone(),
        };
        let mut paging = Paging::parse(&page, BATCH, BATCH)?;
        paging.limit = query.limit.clamp(1, MOST);
        let look_at = query.look_at.clamp(1, MOST);
        // Who is refused this is told of keys without their names, and the refusal is not the caller's doing.
        let names = self.may_list_aliases(attempt, account);
        let needle = query.text.to_lowercase();

        let mut found: Vec<(String, KeySummary)> = Vec::new();
        if names && query.marker.is_none() && !needle.is_empty() {
            for key in self
                .keys_of_alias(account, &query.text, paging.limit, attempt.now())
                .await?
            {
                let summary = self.summary(attempt, key, names).await?;
                if fits(&summary, "", query) {
                    found.push((String::new(), summary));
                }
            }
        }
        let first = found.len();
        let (mut looked_at, mut after, mut more) = (0, paging.after.clone(), true);
        while more && found.len() < paging.limit && looked_at < look_at {
            let batch = BATCH.min(look_at - looked_at);
            let keys = self
                .inner
                .store
                .keys(account, after.as_deref(), batch + 1)
                .await?;
            more = keys.len() > batch;
            for key in keys.into_iter().take(batch) {
                if found.len() == paging.limit {
                    more = true;
                    break;
                }
                looked_at += 1;
                let id = key.record.id.to_string();
                after = Some(id.clone());
                let named =
                    |(_, one): &(String, KeySummary)| one.key_id == key.record.key_id().to_string();
                if !mentions(&key, &needle, names) || found.iter().take(first).any(named) {
                    continue;
                }
                let Some(key) = self.key_now(key, attempt.now()).await? else {
                    continue;
                };
                if !is_of(key.record.state.as_str(), key.record.usage.as_str(), query) {
                    continue;
                }
                let summary = self.summary(attempt, key, names).await?;
                if fits(&summary, &needle, query) {
                    found.push((id, summary));
                }
            }
        }
        // Where names alone filled the page, the next begins at the first key.
        let next_marker = more.then(|| Paging::marker(after.as_deref().unwrap_or_default()));
        Ok(KeySummaries {
            keys: found.into_iter().map(|(_, summary)| summary).collect(),
            looked_at,
            next_marker,
        })
    }

    fn may_list_aliases(&self, attempt: &Attempt, account: AccountId) -> bool {
        let (account, context) = (account.to_string(), attempt.context());
        let asked = sealgate_policy::Access {
            caller: &attempt.caller,
            action: "kms:ListAliases",
            resource: "*",
            resource_account: &account,
            context: &context,
            resource_policy: None,
            authority: sealgate_policy::Authority::Account,
            grant: None,
        };
        sealgate_policy::authorize(&asked) == Decision::Allowed
    }

    /// The keys whose alias begins so: found by name, however many keys there are.
    async fn keys_of_alias(
        &self,
        account: AccountId,
        text: &str,
        limit: usize,
        now: OffsetDateTime,
    ) -> Result<Vec<Arc<Key>>, KmsError> {
        let name = text.strip_prefix("alias/").unwrap_or(text);
        let aliases = self
            .inner
            .store
            .aliases_from(account, &format!("alias/{name}"), limit)
            .await?;
        let mut keys: Vec<Arc<Key>> = Vec::new();
        for alias in aliases {
            let id = alias.record.target;
            if keys.iter().all(|key| key.record.key_id() != id)
                && let Some(key) = self.key_at(account, id.uuid(), now).await?
            {
                keys.push(key);
            }
        }
        // The id itself is a name, too.
        if let Some(id) = KeyId::parse(text)
            && let Some(key) = self.key_at(account, id.uuid(), now).await?
        {
            keys.push(key);
        }
        Ok(keys)
    }

    async fn summary(
        &self,
        attempt: &Attempt,
        key: Arc<Key>,
        names: bool,
    ) -> Result<KeySummary, KmsError> {
        let record = &key.record;
        let grants = self.grants_to(&attempt.caller, &key).await?;
        let found = Found {
            grants,
            moment: self.inner.materials.moment(),
            alias: None,
            foreign: false,
            named: Named::As(key.arn.clone()),
            key: key.clone(),
        };
        let (owner, context) = (record.account.to_string(), key_context(attempt, &found));
        let (_, decision) = decide(&attempt.caller, &found, "kms:DescribeKey", &owner, &context);
        let metadata = (decision == Decision::Allowed).then(|| record.metadata(&self.inner.region));
        let uses = match metadata
            .as_ref()
            .and_then(|it| it.current_key_material_id.as_ref())
        {
            Some(material) => {
                let last = self.inner.usage.last(record.account, record.id).await?;
                last.and_then(|last| last.uses.get(material).copied())
                    .unwrap_or_default()
            }
            None => 0,
        };
        let mut aliases = record.aliases.clone();
        aliases.sort_unstable();
        Ok(KeySummary {
            key_id: record.key_id().to_string(),
            aliases: if names { aliases } else { Vec::new() },
            next_rotation: metadata.as_ref().and_then(|_| record.next_rotation()),
            metadata,
            uses,
        })
    }
}

/// Whether a key may be one that is looked for: quickly, before anybody is asked for permission.
fn mentions(key: &Key, needle: &str, names: bool) -> bool {
    let record = &key.record;
    let within = |text: &str| text.to_lowercase().contains(needle);
    needle.is_empty()
        || within(&record.key_id().to_string())
        || within(&record.description)
        || (names && record.aliases.iter().any(|name| within(name)))
}

/// Whether it is, as far as the caller may know.
fn fits(summary: &KeySummary, needle: &str, query: &KeyQuery) -> bool {
    let Some(metadata) = &summary.metadata else {
        let known = summary.key_id.contains(needle)
            || summary
                .aliases
                .iter()
                .any(|name| name.to_lowercase().contains(needle));
        return known && query.state.is_empty() && query.usage.is_empty();
    };
    is_of(metadata.state.as_str(), metadata.key_usage.as_str(), query)
}

fn is_of(state: &str, usage: &str, query: &KeyQuery) -> bool {
    (query.state.is_empty() || state == query.state)
        && (query.usage.is_empty() || usage == query.usage)
}
