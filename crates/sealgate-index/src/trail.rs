//! The trail: audit records in a hash chain, found by account, time and attributes. Rows are only ever added.

use std::collections::HashMap;

use rusqlite::{Connection, Row, params};
use sha2::{Digest, Sha256};

use crate::{
    Index, IndexError, TrailAttribute, TrailEntry, TrailQuery, TrailRow, TrailState,
    sql::{Result, all, bytes, first, hash, limit as to_limit, run, time, to_millis},
    writer::Tx,
};

const COLUMNS: &str = "t.seq, t.account_id, t.time, t.event_id, t.event_name, t.event_source, t.username, \
                       t.access_key_id, t.read_only, t.resources, t.event, t.listed";
/// Hash that stands before the first row of the trail.
const FIRST_CHAIN: [u8; 32] = [0; 32];
/// Values whose numbers are kept in memory.
const KNOWN_VALUES: usize = 10_000;

/// What the writer knows of the trail's end.
#[derive(Default)]
pub(crate) struct TrailEnd {
    /// Hash of the last row.
    chain: Option<[u8; 32]>,
    /// Numbers of values, by account, attribute and value.
    values: HashMap<String, i64>,
}

impl Index {
    /// Appends records; they are durable when this returns. Each row carries the SHA-256 of the hash before it and
    /// its event, so that no row can be changed, left out or moved without breaking the chain.
    pub async fn trail_append(&self, entries: Vec<TrailEntry>) -> Result<()> {
        self.write(move |tx| entries.iter().try_for_each(|entry| append(tx, entry)))
            .await
    }

    /// A page of records, the newest first, and where the next page starts if there is one.
    pub async fn trail_lookup(
        &self,
        query: TrailQuery,
    ) -> Result<(Vec<(i64, TrailEntry)>, Option<i64>)> {
        if query.limit == 0 {
            return Ok((Vec::new(), None));
        }
        self.read(|conn| {
            let start = query.start.map_or(i64::MIN, to_millis);
            let mut end = query.end.map_or(i64::MAX, to_millis);
            // Pages are ordered by time, then sequence: what comes next is earlier than the row the last one ended
            // with, or as early and of a lower sequence.
            let mut before = (i64::MAX, i64::MAX);
            if let Some(seq) = query.before {
                let time = first(conn, "SELECT time FROM trail WHERE seq = ?1", [seq], |row| Ok(row.get(0)?))?;
                let Some(time) = time else { return Ok((Vec::new(), None)) };
                before = (time, seq);
                end = end.min(time);
            }
            let limit = to_limit(query.limit.saturating_add(1));
            let rows = |from: &str, ordered: &str, which: &dyn rusqlite::ToSql| {
                let sql = format!(
                    "SELECT {COLUMNS} FROM {from} AND {ordered}.time BETWEEN ?2 AND ?3
                     AND ({ordered}.time < ?4 OR {ordered}.seq < ?5)
                     ORDER BY {ordered}.time DESC, {ordered}.seq DESC LIMIT ?6"
                );
                all(conn, &sql, params![which, start, end, before.0, before.1, limit], entry)
            };
            let mut entries = match &query.attribute {
                None => rows("trail t WHERE t.account_id = ?1 AND t.listed = 1", "t", &query.account_id)?,
                Some((TrailAttribute::EventId, id)) => {
                    let mut found = rows("trail t WHERE t.event_id = ?1 AND t.listed = 1", "t", id)?;
                    // One event may be in the trails of several accounts.
                    found.retain(|(_, entry)| entry.account_id == query.account_id);
                    found
                }
                Some((attribute, value)) => match value_id(conn, &query.account_id, *attribute, value)? {
                    None => Vec::new(),
                    Some(id) => rows(
                        "trail_valued a CROSS JOIN trail t ON t.seq = a.seq WHERE a.value_id = ?1",
                        "a",
                        &id,
                    )?,
                },
            };
            let more = entries.len() > query.limit;
            entries.truncate(query.limit);
            let next = entries.last().filter(|_| more).map(|(seq, _)| *seq);
            Ok((entries, next))
        })
    }

    /// Rows in the order of the chain, behind `after`: at most `limit` of them, and no more after their events
    /// together have `max_bytes`.
    pub async fn trail_rows(
        &self,
        after: i64,
        limit: usize,
        max_bytes: usize,
    ) -> Result<Vec<TrailRow>> {
        self.read(|conn| {
            let sql = format!(
                "SELECT {COLUMNS}, t.chain FROM trail t WHERE t.seq > ?1 ORDER BY t.seq LIMIT ?2"
            );
            let mut statement = conn.prepare_cached(&sql)?;
            let mut rows = statement.query(params![after, to_limit(limit)])?;
            let (mut found, mut size) = (Vec::new(), 0);
            while let Some(row) = rows.next()? {
                let (sequence, entry) = entry(row)?;
                size += entry.event.len();
                found.push(TrailRow {
                    sequence,
                    chain: hash(row, 12)?,
                    entry,
                });
                if size >= max_bytes {
                    break;
                }
            }
            Ok(found)
        })
    }

    /// Where the trail ends.
    pub async fn trail_state(&self) -> Result<TrailState> {
        self.read(|conn| {
            let last = first(
                conn,
                "SELECT seq, chain FROM trail ORDER BY seq DESC LIMIT 1",
                [],
                |row| Ok((row.get(0)?, hash(row, 1)?)),
            )?;
            let issued = first(
                conn,
                "SELECT seq FROM sqlite_sequence WHERE name = 'trail'",
                [],
                |row| Ok(row.get(0)?),
            )?;
            let (last, chain) = last.unwrap_or((0, FIRST_CHAIN));
            Ok(TrailState {
                last,
                chain,
                issued: issued.unwrap_or(0),
            })
        })
    }

    /// How many rows there are behind `after`, up to and with `to`.
    pub async fn trail_count(&self, after: i64, to: i64) -> Result<i64> {
        self.read(|conn| {
            let sql = "SELECT count(*) FROM trail WHERE seq > ?1 AND seq <= ?2";
            Ok(first(conn, sql, [after, to], |row| Ok(row.get(0)?))?.unwrap_or(0))
        })
    }

    /// Those of these rows that a lookup by one of their attributes would not find.
    pub async fn trail_unfindable(&self, rows: &[TrailRow]) -> Result<Vec<i64>> {
        self.read(|conn| {
            let mut missing = Vec::new();
            for row in rows.iter().filter(|row| row.entry.listed) {
                let millis = to_millis(row.entry.time);
                for (attribute, value) in attributes(&row.entry) {
                    let id = value_id(conn, &row.entry.account_id, attribute, value)?;
                    let sql =
                        "SELECT 1 FROM trail_valued WHERE value_id = ?1 AND time = ?2 AND seq = ?3";
                    let found = first(conn, sql, params![id, millis, row.sequence], |_| Ok(()))?;
                    if found.is_none() {
                        missing.push(row.sequence);
                        break;
                    }
                }
            }
            Ok(missing)
        })
    }
}

fn append(tx: &mut Tx<'_>, entry: &TrailEntry) -> Result<()> {
    let chain: [u8; 32] = Sha256::new()
        .chain_update(last_chain(tx)?)
        .chain_update(&entry.event)
        .finalize()
        .into();
    let time = to_millis(entry.time);
    let resources = serde_json::to_string(&entry.resources)
        .map_err(|_| IndexError::Storage("resources of an event cannot be written".into()))?;
    run(
        tx.conn,
        "INSERT INTO trail (account_id, time, event_id, event_name, event_source, username, access_key_id, read_only,
                            resources, chain, event, listed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        params![
            entry.account_id,
            time,
            entry.event_id,
            entry.event_name,
            entry.event_source,
            entry.username,
            entry.access_key_id,
            entry.read_only,
            resources,
            &chain[..],
            &entry.event[..],
            entry.listed,
        ],
    )?;
    let seq = tx.conn.last_insert_rowid();
    tx.trail.chain = Some(chain);
    if !entry.listed {
        return Ok(());
    }
    for (attribute, value) in attributes(entry) {
        let id = make_value_id(tx, &entry.account_id, attribute, value)?;
        run(
            tx.conn,
            "INSERT OR IGNORE INTO trail_valued (value_id, time, seq) VALUES (?1, ?2, ?3)",
            [id, time, seq],
        )?;
    }
    Ok(())
}

/// Hash of the last row of the trail.
fn last_chain(tx: &mut Tx<'_>) -> Result<[u8; 32]> {
    if let Some(chain) = tx.trail.chain {
        return Ok(chain);
    }
    let sql = "SELECT chain FROM trail ORDER BY seq DESC LIMIT 1";
    Ok(first(tx.conn, sql, [], |row| hash(row, 0))?.unwrap_or(FIRST_CHAIN))
}

/// The number of a value, if anything has it.
fn value_id(
    conn: &Connection,
    account: &str,
    attribute: TrailAttribute,
    value: &str,
) -> Result<Option<i64>> {
    first(
        conn,
        "SELECT id FROM trail_values WHERE account_id = ?1 AND attribute = ?2 AND value = ?3",
        params![account, code(attribute), value],
        |row| Ok(row.get(0)?),
    )
}

/// The number of a value, which it gets if it has none.
fn make_value_id(
    tx: &mut Tx<'_>,
    account: &str,
    attribute: TrailAttribute,
    value: &str,
) -> Result<i64> {
    let name = format!("{} {account} {value}", code(attribute));
    if let Some(id) = tx.trail.values.get(&name) {
        return Ok(*id);
    }
    let id = match value_id(tx.conn, account, attribute, value)? {
        Some(id) => id,
        None => {
            run(
                tx.conn,
                "INSERT INTO trail_values (account_id, attribute, value) VALUES (?1, ?2, ?3)",
                params![account, code(attribute), value],
            )?;
            tx.conn.last_insert_rowid()
        }
    };
    if tx.trail.values.len() >= KNOWN_VALUES {
        tx.trail.values.clear();
    }
    tx.trail.values.insert(name, id);
    Ok(id)
}

/// The attributes that are looked up through rows of their own: all but the id.
fn attributes(entry: &TrailEntry) -> impl Iterator<Item = (TrailAttribute, &str)> {
    let one = [
        (TrailAttribute::EventName, Some(entry.event_name.as_str())),
        (
            TrailAttribute::ReadOnly,
            Some(if entry.read_only { "true" } else { "false" }),
        ),
        (TrailAttribute::Username, entry.username.as_deref()),
        (
            TrailAttribute::EventSource,
            Some(entry.event_source.as_str()),
        ),
        (TrailAttribute::AccessKeyId, entry.access_key_id.as_deref()),
    ];
    let resources = entry.resources.iter().flat_map(|(kind, name)| {
        [
            (TrailAttribute::ResourceType, kind.as_str()),
            (TrailAttribute::ResourceName, name.as_str()),
        ]
    });
    one.into_iter()
        .filter_map(|(attribute, value)| Some((attribute, value?)))
        .chain(resources)
}

/// How an attribute is written in the file.
fn code(attribute: TrailAttribute) -> i64 {
    match attribute {
        TrailAttribute::EventId => 1,
        TrailAttribute::EventName => 2,
        TrailAttribute::ReadOnly => 3,
        TrailAttribute::Username => 4,
        TrailAttribute::ResourceType => 5,
        TrailAttribute::ResourceName => 6,
        TrailAttribute::EventSource => 7,
        TrailAttribute::AccessKeyId => 8,
    }
}

fn entry(row: &Row<'_>) -> Result<(i64, TrailEntry)> {
    let resources: String = row.get(9)?;
    let entry = TrailEntry {
        account_id: row.get(1)?,
        time: time(row, 2)?,
        event_id: row.get(3)?,
        event_name: row.get(4)?,
        event_source: row.get(5)?,
        username: row.get(6)?,
        access_key_id: row.get(7)?,
        read_only: row.get(8)?,
        resources: serde_json::from_str(&resources)
            .map_err(|_| IndexError::damaged("resources of an event cannot be read"))?,
        listed: row.get(11)?,
        event: bytes(row, 10)?,
    };
    Ok((row.get(0)?, entry))
}
