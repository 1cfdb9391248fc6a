//! The trail: audit records in a hash chain, found by account, time and attributes. Rows are only ever added.

use std::{collections::HashMap, sync::Arc};

use rusqlite::{Connection, Row, params};
use sealgate_crypto::hash::{Digest, Sha256};

use crate::{
    Index, IndexError, TrailAttribute, TrailEntry, TrailQuery, TrailRow, TrailState,
    sql::{Result, all, bytes, first, hash, limit as to_limit, run, time, to_millis},
    trail_batch::{self, Batch, Findable, Window},
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
    /// The highest place that was given out, and the hash of the last event.
    end: Option<(i64, [u8; 32])>,
    /// Numbers of values, by account, attribute and value.
    values: HashMap<String, i64>,
}

impl TrailEnd {
    /// The highest place that was given out, and the hash of the last event.
    pub fn end(&mut self, conn: &Connection) -> Result<(i64, [u8; 32])> {
        if let Some(end) = self.end {
            return Ok(end);
        }
        let state = state(conn)?;
        let end = (state.issued.max(state.last), state.chain);
        self.end = Some(end);
        Ok(end)
    }

    /// Notes the new end.
    pub fn ends_at(&mut self, seq: i64, chain: [u8; 32]) {
        self.end = Some((seq, chain));
    }
}

impl Index {
    /// Appends records; they are durable when this returns. Each row carries the SHA-256 of the hash before it and
    /// its event, so that no row can be changed, left out or moved without breaking the chain.
    pub async fn trail_append(&self, entries: Vec<TrailEntry>) -> Result<()> {
        self.write(move |tx| entries.iter().try_for_each(|entry| append(tx, entry)))
            .await
    }

    /// Appends records as one row, which costs much less than a row for each. Nothing else about them is different.
    pub async fn trail_append_batch(&self, entries: Arc<[TrailEntry]>) -> Result<()> {
        self.write(move |tx| match &entries[..] {
            [] => Ok(()),
            [one] => append(tx, one),
            _ => trail_batch::append(tx, &entries),
        })
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
                let single = first(conn, "SELECT time FROM trail WHERE seq = ?1", [seq], |row| Ok(row.get(0)?))?;
                let time = match single {
                    Some(time) => Some(time),
                    None => trail_batch::time_of(conn, seq)?,
                };
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
                Some((attribute, value)) => match value_id(conn, &query.account_id, code(*attribute), value)? {
                    None => Vec::new(),
                    Some(id) => rows(
                        "trail_valued a CROSS JOIN trail t ON t.seq = a.seq WHERE a.value_id = ?1",
                        "a",
                        &id,
                    )?,
                },
            };
            let window = Window { start, end, before };
            trail_batch::look_up(conn, &query, &window, query.limit.saturating_add(1), &mut entries)?;
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
            let mut singles = conn.prepare_cached(&sql)?;
            let mut singles = singles.query(params![after, to_limit(limit)])?;
            let mut batches = conn.prepare_cached(trail_batch::BEHIND)?;
            let mut batches = batches.query([after])?;
            let mut single = singles.next()?.map(single_row).transpose()?;
            let mut batch = batches.next()?.map(Batch::read).transpose()?;
            let (mut found, mut size) = (Vec::new(), 0);
            loop {
                let next = match (&single, &batch) {
                    (None, None) => break,
                    (Some(row), Some(batch)) if batch.last < row.sequence => None,
                    (None, Some(_)) => None,
                    (Some(_), _) => single.take(),
                };
                let rows = match next {
                    Some(row) => {
                        single = singles.next()?.map(single_row).transpose()?;
                        vec![row]
                    }
                    None => {
                        let rows = batch.take().map(|batch| batch.rows(after));
                        batch = batches.next()?.map(Batch::read).transpose()?;
                        rows.unwrap_or_default()
                    }
                };
                for row in rows {
                    if found.len() >= limit || size >= max_bytes {
                        return Ok(found);
                    }
                    size += row.entry.event.len();
                    found.push(row);
                }
                if found.len() >= limit || size >= max_bytes {
                    break;
                }
            }
            Ok(found)
        })
    }

    /// Where the trail ends.
    pub async fn trail_state(&self) -> Result<TrailState> {
        self.read(state)
    }

    /// How many rows there are behind `after`, up to and with `to`.
    pub async fn trail_count(&self, after: i64, to: i64) -> Result<i64> {
        self.read(|conn| {
            let sql = "SELECT count(*) FROM trail WHERE seq > ?1 AND seq <= ?2";
            let single: i64 = first(conn, sql, [after, to], |row| Ok(row.get(0)?))?.unwrap_or(0);
            Ok(single + trail_batch::count(conn, after, to)?)
        })
    }

    /// Those of these rows that a lookup by one of their attributes would not find.
    pub async fn trail_unfindable(&self, rows: &[TrailRow]) -> Result<Vec<i64>> {
        self.read(|conn| {
            let mut missing = Vec::new();
            let mut batched = Findable::new(conn);
            for row in rows.iter().filter(|row| row.entry.listed) {
                if batched.is_in_batch(row.sequence)? {
                    if !batched.finds(&row.entry)? {
                        missing.push(row.sequence);
                    }
                    continue;
                }
                let millis = to_millis(row.entry.time);
                for (attribute, value) in attributes(&row.entry) {
                    let id = value_id(conn, &row.entry.account_id, code(attribute), value)?;
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
    let (_, before) = tx.trail.end(tx.conn)?;
    let chain = link(&before, &entry.event);
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
    tx.trail.ends_at(seq, chain);
    if !entry.listed {
        return Ok(());
    }
    for (attribute, value) in attributes(entry) {
        let id = make_value_id(tx, &entry.account_id, code(attribute), value)?;
        run(
            tx.conn,
            "INSERT OR IGNORE INTO trail_valued (value_id, time, seq) VALUES (?1, ?2, ?3)",
            [id, time, seq],
        )?;
    }
    Ok(())
}

/// The link of the chain that an event makes behind another.
pub(crate) fn link(before: &[u8; 32], event: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(before)
        .chain_update(event)
        .finalize()
        .into()
}

/// Where the trail ends.
fn state(conn: &Connection) -> Result<TrailState> {
    let end = |table: &str| {
        let sql = format!("SELECT seq, chain FROM {table} ORDER BY seq DESC LIMIT 1");
        first(conn, &sql, [], |row| Ok((row.get(0)?, hash(row, 1)?)))
    };
    let issued = first(
        conn,
        "SELECT seq FROM sqlite_sequence WHERE name = 'trail'",
        [],
        |row| Ok(row.get(0)?),
    )?;
    let (last, chain) = end("trail")?
        .max(end("trail_batches")?)
        .unwrap_or((0, FIRST_CHAIN));
    Ok(TrailState {
        last,
        chain,
        issued: issued.unwrap_or(0),
    })
}

/// The number of a value, if anything has it.
pub(crate) fn value_id(
    conn: &Connection,
    account: &str,
    attribute: i64,
    value: &str,
) -> Result<Option<i64>> {
    first(
        conn,
        "SELECT id FROM trail_values WHERE account_id = ?1 AND attribute = ?2 AND value = ?3",
        params![account, attribute, value],
        |row| Ok(row.get(0)?),
    )
}

/// The number of a value, which it gets if it has none.
pub(crate) fn make_value_id(
    tx: &mut Tx<'_>,
    account: &str,
    attribute: i64,
    value: &str,
) -> Result<i64> {
    let name = format!("{attribute} {account} {value}");
    if let Some(id) = tx.trail.values.get(&name) {
        return Ok(*id);
    }
    let id = match value_id(tx.conn, account, attribute, value)? {
        Some(id) => id,
        None => {
            run(
                tx.conn,
                "INSERT INTO trail_values (account_id, attribute, value) VALUES (?1, ?2, ?3)",
                params![account, attribute, value],
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
pub(crate) fn attributes(entry: &TrailEntry) -> impl Iterator<Item = (TrailAttribute, &str)> {
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
pub(crate) fn code(attribute: TrailAttribute) -> i64 {
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

fn single_row(row: &Row<'_>) -> Result<TrailRow> {
    let (sequence, entry) = entry(row)?;
    Ok(TrailRow {
        sequence,
        chain: hash(row, 12)?,
        entry,
    })
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
