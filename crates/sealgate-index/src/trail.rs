//! The trail: audit records in a hash chain, found by account, time and attributes. Rows are only ever added.

use rusqlite::{Row, params};
use sha2::{Digest, Sha256};

use crate::{
    Index, IndexError, TrailAttribute, TrailEntry, TrailQuery,
    sql::{Result, bytes, first, limit as to_limit, run, time, to_millis},
    writer::Tx,
};

const COLUMNS: &str = "t.seq, t.account_id, t.time, t.event_id, t.event_name, t.event_source, t.username, \
                       t.access_key_id, t.read_only, t.resources, t.event";

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
            let order = "AND {x}.time BETWEEN ?2 AND ?3 AND ({x}.time < ?4 OR {x}.seq < ?5)
                         ORDER BY {x}.time DESC, {x}.seq DESC LIMIT ?6";
            let limit = to_limit(query.limit.saturating_add(1));
            let mut entries = match &query.attribute {
                None => {
                    let order = order.replace("{x}", "t");
                    let sql = format!("SELECT {COLUMNS} FROM trail t WHERE t.account_id = ?1 {order}");
                    crate::sql::all(conn, &sql, params![query.account_id, start, end, before.0, before.1, limit], entry)?
                }
                Some((attribute, value)) => {
                    let order = order.replace("{x}", "a");
                    let sql = format!(
                        "SELECT {COLUMNS} FROM trail_attributes a CROSS JOIN trail t ON t.seq = a.seq
                         WHERE a.account_id = ?1 AND a.attribute = ?7 AND a.value = ?8 {order}"
                    );
                    let code = code(*attribute);
                    crate::sql::all(
                        conn,
                        &sql,
                        params![query.account_id, start, end, before.0, before.1, limit, code, value],
                        entry,
                    )?
                }
            };
            let more = entries.len() > query.limit;
            entries.truncate(query.limit);
            let next = entries.last().filter(|_| more).map(|(seq, _)| *seq);
            Ok((entries, next))
        })
    }
}

fn append(tx: &mut Tx<'_>, entry: &TrailEntry) -> Result<()> {
    let chain: [u8; 32] = Sha256::new()
        .chain_update(tx.chain()?)
        .chain_update(&entry.event)
        .finalize()
        .into();
    let time = to_millis(entry.time);
    let resources = serde_json::to_string(&entry.resources)
        .map_err(|_| IndexError::Storage("resources of an event cannot be written".into()))?;
    run(
        tx.conn,
        "INSERT INTO trail (account_id, time, event_id, event_name, event_source, username, access_key_id, read_only,
                            resources, chain, event)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
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
        ],
    )?;
    let seq = tx.conn.last_insert_rowid();
    tx.set_chain(chain);
    for (attribute, value) in attributes(entry) {
        run(
            tx.conn,
            "INSERT OR IGNORE INTO trail_attributes (account_id, attribute, value, time, seq)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![entry.account_id, code(attribute), value, time, seq],
        )?;
    }
    Ok(())
}

fn attributes(entry: &TrailEntry) -> impl Iterator<Item = (TrailAttribute, &str)> {
    let one = [
        (TrailAttribute::EventId, Some(entry.event_id.as_str())),
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
        event: bytes(row, 10)?,
    };
    Ok((row.get(0)?, entry))
}
