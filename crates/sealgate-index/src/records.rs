//! Records: small documents of other crates, written all or nothing and read from memory.

use rusqlite::{Connection, Row, params};

use crate::{
    Expect, Index, IndexError, Record, RecordWrite,
    cache::{Change, Looked, record_name},
    sql::{Result, all, bytes, first, just_after, limit as to_limit, run},
};

impl Index {
    /// The record of that id, from memory if it was read before.
    pub async fn record(&self, ns: &str, id: &str) -> Result<Option<Record>> {
        let name = record_name(ns, id);
        let ticket = match self.caches().records.get(&name) {
            Looked::Found(record) => return Ok(Some(record)),
            Looked::Missing(ticket) => ticket,
        };
        let found = self.read(|conn| record(conn, ns, id))?;
        if let Some(record) = &found {
            self.caches().records.fill(ticket, &name, record.clone());
        }
        Ok(found)
    }

    /// Records of a namespace whose ids start with `prefix`, in order, behind `after`.
    pub async fn records(
        &self,
        ns: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Record>> {
        let start = after
            .map(just_after)
            .filter(|start| start.as_str() > prefix);
        let start = start.as_deref().unwrap_or(prefix);
        self.read(|conn| {
            let sql = "SELECT id, revision, body FROM records WHERE ns = ?1 AND id >= ?2 ORDER BY id LIMIT ?3";
            let mut records = all(conn, sql, params![ns, start, to_limit(limit)], row_to_record)?;
            // Ids are in order: what starts with the prefix comes first.
            records.truncate(records.partition_point(|record| record.id.starts_with(prefix)));
            Ok(records)
        })
    }

    /// Writes records, all or none: [`IndexError::Conflict`] if an expectation does not hold.
    pub async fn write_records(&self, writes: Vec<RecordWrite>) -> Result<()> {
        self.write(move |tx| {
            for write in &writes {
                let found = record(tx.conn, &write.ns, &write.id)?;
                let holds = match (write.expect, &found) {
                    (Expect::Any, _) | (Expect::Absent, None) => true,
                    (Expect::Revision(wanted), Some(found)) => wanted == found.revision,
                    (Expect::Absent, Some(_)) | (Expect::Revision(_), None) => false,
                };
                if !holds {
                    return Err(IndexError::Conflict);
                }
                match &write.body {
                    Some(body) => {
                        let revision = next_revision(tx.conn)?;
                        run(
                            tx.conn,
                            "INSERT OR REPLACE INTO records (ns, id, revision, body) VALUES (?1, ?2, ?3, ?4)",
                            params![write.ns, write.id, revision, &body[..]],
                        )?;
                    }
                    None => {
                        run(tx.conn, "DELETE FROM records WHERE ns = ?1 AND id = ?2", [&write.ns, &write.id])?;
                    }
                }
                tx.changed(Change::record(&write.ns, &write.id));
            }
            Ok(())
        })
        .await
    }
}

fn record(conn: &Connection, ns: &str, id: &str) -> Result<Option<Record>> {
    first(
        conn,
        "SELECT id, revision, body FROM records WHERE ns = ?1 AND id = ?2",
        [ns, id],
        row_to_record,
    )
}

fn row_to_record(row: &Row<'_>) -> Result<Record> {
    Ok(Record {
        id: row.get(0)?,
        revision: row.get(1)?,
        body: bytes(row, 2)?,
    })
}

fn next_revision(conn: &Connection) -> Result<i64> {
    let sql =
        "UPDATE counters SET value = value + 1 WHERE name = 'record revision' RETURNING value";
    first(conn, sql, [], |row| Ok(row.get(0)?))?
        .ok_or_else(|| IndexError::damaged("a counter is missing"))
}
