//! Batches of the trail: events that were recorded together lie in one row of `trail_batches`, each with its place,
//! its link of the chain and its columns, as a row of `trail` has them. What a batch is looked up by is every distinct
//! value that its events have; which of them have it is seen when the batch is read. Events of a batch are much alike:
//! they are compressed, which saves more time in the writing than it takes.

use std::collections::HashMap;

use lz4_flex::block::{compress_prepend_size, decompress, uncompressed_size};
use rusqlite::{Connection, Row, Rows, params};

use crate::{
    IndexError, TrailAttribute, TrailEntry, TrailQuery, TrailRow,
    sql::{Result, first, from_millis, run, to_millis},
    trail::{attributes, code, link, make_value_id, value_id},
    writer::Tx,
};

/// Stands in `trail_values` for every listed event of an account, whatever its attributes.
const ANY: i64 = 0;
/// The length of a text that is not there.
const NONE: u32 = u32::MAX;
/// Stands before events that are compressed. Those that are not begin with the highest byte of a place, which is zero.
const COMPRESSED: u8 = 1;
/// The most bytes of the events of a batch.
const MAX_EVENTS: usize = 512 * 1024 * 1024;
const READ_ONLY: u8 = 1;
const LISTED: u8 = 2;

/// Which times and places a lookup is about.
pub(crate) struct Window {
    pub start: i64,
    pub end: i64,
    /// Time and sequence of the event that the page before ended with.
    pub before: (i64, i64),
}

impl Window {
    fn has(&self, time: i64, seq: i64) -> bool {
        (self.start..=self.end).contains(&time) && (time, seq) < self.before
    }
}

/// The first and the last time of the events that have a value.
struct Span {
    earliest: i64,
    latest: i64,
}

/// Appends events as one row.
pub(crate) fn append(tx: &mut Tx<'_>, entries: &[TrailEntry]) -> Result<()> {
    let (issued, mut chain) = tx.trail.end(tx.conn)?;
    let mut events = Vec::with_capacity(entries.iter().map(|entry| entry.event.len() + 512).sum());
    let mut values: HashMap<(&str, i64, &str), Span> = HashMap::new();
    let mut ids: Option<(&str, &str)> = None;
    let mut last = issued;
    for entry in entries {
        last += 1;
        chain = link(&chain, &entry.event);
        put_event(&mut events, last, &chain, entry)?;
        if !entry.listed {
            continue;
        }
        let id = entry.event_id.as_str();
        ids = Some(ids.map_or((id, id), |(low, high)| (low.min(id), high.max(id))));
        let time = to_millis(entry.time);
        for (attribute, value) in keys(entry) {
            let span = values
                .entry((&entry.account_id, attribute, value))
                .or_insert(Span {
                    earliest: time,
                    latest: time,
                });
            span.earliest = span.earliest.min(time);
            span.latest = span.latest.max(time);
        }
    }
    let (low, high) = ids.unzip();
    run(
        tx.conn,
        "INSERT INTO trail_batches (seq, first, first_id, last_id, chain, events) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            last,
            issued + 1,
            low,
            high,
            &chain[..],
            compressed(&events)?
        ],
    )?;
    // The numbers are given out by one counter, that of the single events.
    let counted = run(
        tx.conn,
        "UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'trail'",
        [last],
    )?;
    if counted == 0 {
        run(
            tx.conn,
            "INSERT INTO sqlite_sequence (name, seq) VALUES ('trail', ?1)",
            [last],
        )?;
    }
    tx.trail.ends_at(last, chain);
    for ((account, attribute, value), span) in values {
        let id = make_value_id(tx, account, attribute, value)?;
        run(
            tx.conn,
            "INSERT INTO trail_batch_valued (value_id, latest, seq, earliest) VALUES (?1, ?2, ?3, ?4)",
            [id, span.latest, last, span.earliest],
        )?;
    }
    Ok(())
}

fn compressed(events: &[u8]) -> Result<Vec<u8>> {
    if events.len() > MAX_EVENTS {
        return Err(IndexError::Storage(
            "a batch of the trail is too large".into(),
        ));
    }
    let mut column = compress_prepend_size(events);
    column.insert(0, COMPRESSED);
    Ok(column)
}

/// The events of the column. What cannot be read stays as it is, and is no event either.
fn decompressed(column: Vec<u8>) -> Vec<u8> {
    let Some((&COMPRESSED, rest)) = column.split_first() else {
        return column;
    };
    match uncompressed_size(rest) {
        Ok((size, block)) if size <= MAX_EVENTS => decompress(block, size).unwrap_or(column),
        _ => column,
    }
}

/// Adds what a lookup finds in batches to `found`, which is kept in its order, the newest first, and at `most`.
pub(crate) fn look_up(
    conn: &Connection,
    query: &TrailQuery,
    window: &Window,
    most: usize,
    found: &mut Vec<(i64, TrailEntry)>,
) -> Result<()> {
    let value = match &query.attribute {
        Some((TrailAttribute::EventId, id)) => {
            let sql = "SELECT seq, 0 FROM trail_batches WHERE last_id >= ?1 AND first_id <= ?1";
            let mut statement = conn.prepare_cached(sql)?;
            return collect(conn, query, window, most, statement.query([id])?, found);
        }
        Some((attribute, value)) => value_id(conn, &query.account_id, code(*attribute), value)?,
        None => value_id(conn, &query.account_id, ANY, "")?,
    };
    let Some(value) = value else { return Ok(()) };
    let mut statement = conn.prepare_cached(
        "SELECT seq, latest FROM trail_batch_valued WHERE value_id = ?1 AND latest >= ?2 AND earliest <= ?3
         ORDER BY latest DESC, seq DESC",
    )?;
    let rows = statement.query([value, window.start, window.end])?;
    collect(conn, query, window, most, rows, found)
}

/// Reads batches, the one with the newest event first, until none can have anything that belongs to the page.
fn collect(
    conn: &Connection,
    query: &TrailQuery,
    window: &Window,
    most: usize,
    mut batches: Rows<'_>,
    found: &mut Vec<(i64, TrailEntry)>,
) -> Result<()> {
    let by_id = matches!(query.attribute, Some((TrailAttribute::EventId, _)));
    while let Some(row) = batches.next()? {
        // No event of this batch, or of those that follow, comes before this in the page.
        let newest: (i64, i64) = (row.get(1)?, row.get(0)?);
        if !by_id && found.len() >= most && found.last().is_some_and(|last| place(last) > newest) {
            break;
        }
        let sql = "SELECT seq, first, events FROM trail_batches WHERE seq = ?1";
        let batch = first(conn, sql, [newest.1], Batch::read)?
            .ok_or_else(|| IndexError::damaged("a batch of the trail is missing"))?;
        let before = found.len();
        for event in batch.events() {
            let event = event?;
            if event.listed
                && event.account_id == query.account_id
                && window.has(event.time, event.sequence)
            {
                let (sequence, entry) = (event.sequence, event.entry()?);
                if has(&entry, query.attribute.as_ref()) {
                    found.push((sequence, entry));
                }
            }
        }
        if found.len() > before {
            found.sort_unstable_by_key(|entry| std::cmp::Reverse(place(entry)));
            found.truncate(most);
        }
    }
    Ok(())
}

/// Where an event stands in a page.
fn place((seq, entry): &(i64, TrailEntry)) -> (i64, i64) {
    (to_millis(entry.time), *seq)
}

/// The time of an event in a batch.
pub(crate) fn time_of(conn: &Connection, seq: i64) -> Result<Option<i64>> {
    let Some(batch) = Batch::with(conn, seq)? else {
        return Ok(None);
    };
    for event in batch.events() {
        let event = event?;
        if event.sequence == seq {
            return Ok(Some(event.time));
        }
    }
    Ok(None)
}

/// What lookups of the events of one batch need to lead to it; answers are kept, because the events of a batch are
/// much alike.
pub(crate) struct Findable<'c> {
    conn: &'c Connection,
    batch: Option<Bounds>,
    spans: HashMap<(String, i64, String), Option<Span>>,
}

struct Bounds {
    first: i64,
    last: i64,
    ids: Option<(String, String)>,
}

impl<'c> Findable<'c> {
    pub fn new(conn: &'c Connection) -> Findable<'c> {
        Findable {
            conn,
            batch: None,
            spans: HashMap::new(),
        }
    }

    /// Whether `seq` is the place of an event in a batch.
    pub fn is_in_batch(&mut self, seq: i64) -> Result<bool> {
        if !self.batch.as_ref().is_some_and(|batch| batch.has(seq)) {
            self.spans.clear();
            self.batch = first(
                self.conn,
                "SELECT first, seq, first_id, last_id FROM trail_batches WHERE seq >= ?1 ORDER BY seq LIMIT 1",
                [seq],
                |row| {
                    let ids: (Option<String>, Option<String>) = (row.get(2)?, row.get(3)?);
                    Ok(Bounds {
                        first: row.get(0)?,
                        last: row.get(1)?,
                        ids: ids.0.zip(ids.1),
                    })
                },
            )?;
        }
        Ok(self.batch.as_ref().is_some_and(|batch| batch.has(seq)))
    }

    /// Whether every lookup that should find an event leads to its batch.
    pub fn finds(&mut self, entry: &TrailEntry) -> Result<bool> {
        let Some(batch) = &self.batch else {
            return Ok(false);
        };
        let id = &entry.event_id;
        if !batch
            .ids
            .as_ref()
            .is_some_and(|(low, high)| (low..=high).contains(&id))
        {
            return Ok(false);
        }
        let (last, time) = (batch.last, to_millis(entry.time));
        for (attribute, value) in keys(entry) {
            let key = (entry.account_id.clone(), attribute, value.to_owned());
            let span = match self.spans.get(&key) {
                Some(known) => known,
                None => {
                    let span = match value_id(self.conn, &key.0, attribute, value)? {
                        None => None,
                        Some(id) => first(
                            self.conn,
                            "SELECT earliest, latest FROM trail_batch_valued WHERE value_id = ?1 AND seq = ?2
                             AND latest >= ?3",
                            [id, last, time],
                            |row| {
                                Ok(Span {
                                    earliest: row.get(0)?,
                                    latest: row.get(1)?,
                                })
                            },
                        )?,
                    };
                    self.spans.entry(key).or_insert(span)
                }
            };
            if !span
                .as_ref()
                .is_some_and(|span| (span.earliest..=span.latest).contains(&time))
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Bounds {
    fn has(&self, seq: i64) -> bool {
        (self.first..=self.last).contains(&seq)
    }
}

/// A row of `trail_batches`.
pub(crate) struct Batch {
    pub last: i64,
    first: i64,
    events: Vec<u8>,
}

impl Batch {
    /// From the columns `seq, first, events`.
    pub fn read(row: &Row<'_>) -> Result<Batch> {
        Ok(Batch {
            last: row.get(0)?,
            first: row.get(1)?,
            events: decompressed(row.get(2)?),
        })
    }

    /// The batch that has the event of this place.
    fn with(conn: &Connection, seq: i64) -> Result<Option<Batch>> {
        let sql =
            "SELECT seq, first, events FROM trail_batches WHERE seq >= ?1 ORDER BY seq LIMIT 1";
        let batch = first(conn, sql, [seq], Batch::read)?;
        Ok(batch.filter(|batch| batch.first <= seq))
    }

    fn events(&self) -> Events<'_> {
        Events { rest: &self.events }
    }

    /// Its events behind `after` as rows of the trail. Where they cannot be read, a row without an event stands in
    /// the place: the chain does not fit there.
    pub fn rows(&self, after: i64) -> Vec<TrailRow> {
        let mut rows = Vec::new();
        let mut place = self.first;
        for event in self.events() {
            let row = event.and_then(|event| {
                let sequence = event.sequence;
                Ok(TrailRow {
                    sequence,
                    chain: event.chain,
                    entry: event.entry()?,
                })
            });
            let row = row.unwrap_or_else(|_| unreadable(place));
            place = row.sequence.saturating_add(1);
            if row.sequence > after {
                rows.push(row);
            }
        }
        rows
    }
}

/// Batches behind `after`, in the order of the chain; the columns are those of [`Batch::read`].
pub(crate) const BEHIND: &str =
    "SELECT seq, first, events FROM trail_batches WHERE seq > ?1 ORDER BY seq";

/// Events of batches behind `after`, up to and with `to`.
pub(crate) fn count(conn: &Connection, after: i64, to: i64) -> Result<i64> {
    let sql = "SELECT coalesce(sum(min(seq, ?2) - max(first - 1, ?1)), 0) FROM trail_batches
               WHERE seq > ?1 AND first <= ?2";
    Ok(first(conn, sql, [after, to], |row| Ok(row.get(0)?))?.unwrap_or(0))
}

fn unreadable(sequence: i64) -> TrailRow {
    TrailRow {
        sequence,
        chain: [0; 32],
        entry: TrailEntry {
            event_id: String::new(),
            time: time::OffsetDateTime::UNIX_EPOCH,
            event_name: String::new(),
            event_source: String::new(),
            username: None,
            access_key_id: None,
            read_only: false,
            account_id: String::new(),
            resources: Vec::new(),
            listed: false,
            event: bytes::Bytes::new(),
        },
    }
}

/// What an event is looked up by, other than its id.
fn keys(entry: &TrailEntry) -> impl Iterator<Item = (i64, &str)> {
    std::iter::once((ANY, ""))
        .chain(attributes(entry).map(|(attribute, value)| (code(attribute), value)))
}

fn has(entry: &TrailEntry, attribute: Option<&(TrailAttribute, String)>) -> bool {
    match attribute {
        None => true,
        Some((TrailAttribute::EventId, id)) => entry.event_id == *id,
        Some((attribute, value)) => {
            attributes(entry).any(|(has, its)| has == *attribute && its == value.as_str())
        }
    }
}

/// An event as it lies in a batch.
struct Packed<'b> {
    sequence: i64,
    chain: [u8; 32],
    time: i64,
    read_only: bool,
    listed: bool,
    account_id: &'b str,
    event_id: &'b str,
    event_name: &'b str,
    event_source: &'b str,
    username: Option<&'b str>,
    access_key_id: Option<&'b str>,
    resources: &'b str,
    event: &'b [u8],
}

impl Packed<'_> {
    fn entry(&self) -> Result<TrailEntry> {
        Ok(TrailEntry {
            event_id: self.event_id.to_owned(),
            time: from_millis(self.time)?,
            event_name: self.event_name.to_owned(),
            event_source: self.event_source.to_owned(),
            username: self.username.map(str::to_owned),
            access_key_id: self.access_key_id.map(str::to_owned),
            read_only: self.read_only,
            account_id: self.account_id.to_owned(),
            resources: serde_json::from_str(self.resources).map_err(|_| damaged())?,
            listed: self.listed,
            event: bytes::Bytes::copy_from_slice(self.event),
        })
    }
}

/// Writes an event as [`Events`] reads it; `docs/format.md` has the layout.
fn put_event(out: &mut Vec<u8>, sequence: i64, chain: &[u8; 32], entry: &TrailEntry) -> Result<()> {
    let resources = serde_json::to_string(&entry.resources)
        .map_err(|_| IndexError::Storage("resources of an event cannot be written".into()))?;
    out.extend_from_slice(&sequence.to_be_bytes());
    out.extend_from_slice(chain);
    out.extend_from_slice(&to_millis(entry.time).to_be_bytes());
    out.push((u8::from(entry.read_only) * READ_ONLY) | (u8::from(entry.listed) * LISTED));
    for text in [
        Some(entry.account_id.as_bytes()),
        Some(entry.event_id.as_bytes()),
        Some(entry.event_name.as_bytes()),
        Some(entry.event_source.as_bytes()),
        entry.username.as_deref().map(str::as_bytes),
        entry.access_key_id.as_deref().map(str::as_bytes),
        Some(resources.as_bytes()),
        Some(&entry.event),
    ] {
        let Some(text) = text else {
            out.extend_from_slice(&NONE.to_be_bytes());
            continue;
        };
        let length = u32::try_from(text.len())
            .ok()
            .filter(|length| *length < NONE)
            .ok_or_else(|| IndexError::Storage("an event is too large".into()))?;
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(text);
    }
    Ok(())
}

/// Reads the events of a batch; ends after the first that cannot be read.
struct Events<'b> {
    rest: &'b [u8],
}

impl<'b> Iterator for Events<'b> {
    type Item = Result<Packed<'b>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let event = self.event().ok_or_else(damaged);
        if event.is_err() {
            self.rest = &[];
        }
        Some(event)
    }
}

impl<'b> Events<'b> {
    fn event(&mut self) -> Option<Packed<'b>> {
        if self.rest.first() == Some(&COMPRESSED) {
            return None;
        }
        let sequence = i64::from_be_bytes(self.take()?);
        let chain = self.take()?;
        let time = i64::from_be_bytes(self.take()?);
        let [flags] = self.take()?;
        Some(Packed {
            sequence,
            chain,
            time,
            read_only: flags & READ_ONLY != 0,
            listed: flags & LISTED != 0,
            account_id: self.text()??,
            event_id: self.text()??,
            event_name: self.text()??,
            event_source: self.text()??,
            username: self.text()?,
            access_key_id: self.text()?,
            resources: self.text()??,
            event: self.bytes()??,
        })
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    /// The outer `None`: damaged. The inner one: not there.
    fn bytes(&mut self) -> Option<Option<&'b [u8]>> {
        let length = u32::from_be_bytes(self.take()?);
        if length == NONE {
            return Some(None);
        }
        let (taken, rest) = self.rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.rest = rest;
        Some(Some(taken))
    }

    fn text(&mut self) -> Option<Option<&'b str>> {
        match self.bytes()? {
            None => Some(None),
            Some(bytes) => std::str::from_utf8(bytes).ok().map(Some),
        }
    }
}

fn damaged() -> IndexError {
    IndexError::damaged("a batch of the trail cannot be read")
}
