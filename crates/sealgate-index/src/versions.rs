//! Object versions: put and get, and how a version's rows come and go. Conditions are decided inside the writer's
//! transaction.

use rusqlite::{Connection, Row, params};

use crate::{
    Body, Effect, Found, Index, IndexError, Lock, NewEvent, NewVersion, Original, Part,
    Replication, Version, VersionRef, Versioning, WriteCondition, Written, attributes,
    buckets::BucketState,
    history::{self, Facts, Standing},
    outbox::{self, Subject},
    references, replicas,
    sql::{
        Result, all, bytes, first, from_millis, hash, key, run, size, size_to_column, time,
        to_millis,
    },
    usage::{self, Delta},
    versioning,
    writer::Tx,
};

const COLUMNS: &str = "v.seq, v.bucket_id, v.key, v.version_id, v.delete_marker, v.size, v.etag, v.modified, \
                       v.checksum_algorithm, v.checksum_type, v.envelope, v.meta, v.inline, \
                       v.owner, v.storage_class, v.retention, v.retain_until, v.legal_hold, v.tags, v.acl, \
                       (SELECT r.status FROM replications r WHERE r.seq = v.seq)";

/// Where a new version has its name and its time from.
#[derive(Clone, Copy)]
pub(crate) enum Naming<'o> {
    /// They are made now.
    Own,
    /// It is a replica, and has those of its original.
    Replica(&'o Original),
}

/// Sequence (where it is not left to the table), id and time of a new version.
pub(crate) struct Name {
    pub seq: Option<i64>,
    pub version_id: Option<String>,
    pub modified: i64,
    pub replication: Option<Replication>,
}

impl Naming<'_> {
    pub fn name(self, tx: &Tx<'_>, versioning: Versioning) -> Result<Name> {
        let (seq, version_id) = match self {
            Naming::Replica(Original {
                version_id: Some(id),
                ..
            }) => (None, Some(id.clone())),
            _ => next_name(tx, versioning)?,
        };
        Ok(match self {
            Naming::Own => Name {
                seq,
                version_id,
                modified: tx.now,
                replication: None,
            },
            Naming::Replica(original) => Name {
                seq,
                version_id,
                modified: to_millis(original.modified),
                replication: Some(Replication::Replica),
            },
        })
    }
}

/// How the blobs of a new version are counted.
pub(crate) enum Counting {
    /// They are new.
    New,
    /// They belong to the version of this sequence, too.
    Shared(i64),
    /// They are counted already, and their count passes to the version.
    Held,
}

impl Index {
    /// Stores a version. Where versions are kept it gets an id; else it takes the place of the null version of its key.
    ///
    /// With `shares`, the body names blobs of the version with that sequence, which must still exist
    /// ([`IndexError::Conflict`] otherwise).
    pub async fn put_version(
        &self,
        bucket_id: i64,
        version: NewVersion,
        condition: WriteCondition,
        shares: Option<i64>,
        events: Vec<NewEvent>,
    ) -> Result<Written> {
        self.write(move |tx| {
            let counting = shares.map_or(Counting::New, Counting::Shared);
            put(tx, bucket_id, version, &condition, counting, &events)
        })
        .await
    }

    /// The current version of a key, unless it is a delete marker.
    pub async fn get_version(&self, bucket_id: i64, key: &str) -> Result<Option<Version>> {
        self.read(|conn| {
            let sql = format!(
                "SELECT {COLUMNS} FROM current c JOIN versions v ON v.seq = c.seq WHERE c.bucket_id = ?1 AND c.key = ?2"
            );
            version(conn, &sql, params![bucket_id, key.as_bytes()])
        })
    }

    /// A version or delete marker by its name. [`IndexError::NoSuchKey`] where there is nothing under the key,
    /// [`IndexError::NoSuchVersion`] where there is something else.
    pub async fn version(&self, bucket_id: i64, key: &str, version: &VersionRef) -> Result<Found> {
        self.read(|conn| {
            let standing = Standing::of(conn, Versioning::Enabled, bucket_id, key)?;
            let found = standing.must_find(conn, bucket_id, key, version)?;
            Ok(Found {
                version: by_seq(conn, found.seq)?
                    .ok_or_else(|| IndexError::damaged("a version that is listed is missing"))?,
                is_latest: standing.newest() == Some(found.seq),
            })
        })
    }

    /// The version of that sequence.
    pub async fn version_by_seq(&self, seq: i64) -> Result<Option<Version>> {
        self.read(|conn| by_seq(conn, seq))
    }
}

/// Stores a version inside a transaction.
pub(crate) fn put(
    tx: &mut Tx<'_>,
    bucket_id: i64,
    new: NewVersion,
    condition: &WriteCondition,
    counting: Counting,
    events: &[NewEvent],
) -> Result<Written> {
    put_named(tx, bucket_id, new, condition, counting, events, Naming::Own)
}

/// As [`put`], with a name and a time.
pub(crate) fn put_named(
    tx: &mut Tx<'_>,
    bucket_id: i64,
    new: NewVersion,
    condition: &WriteCondition,
    counting: Counting,
    events: &[NewEvent],
    naming: Naming<'_>,
) -> Result<Written> {
    let bucket = tx.bucket(bucket_id)?;
    attributes::may_lock(bucket, new.attributes.lock)?;
    let standing = Standing::of(tx.conn, bucket.versioning, bucket_id, &new.key)?;
    check(
        condition,
        standing
            .current
            .as_ref()
            .map(|current| current.etag.as_str()),
    )?;
    // Counts go up before they go down: an object may be copied onto itself.
    count_up(tx, &new.body, counting)?;
    let replaced = make_way(tx, bucket_id, bucket, &standing, &new.key)?;
    let in_history = standing.in_history() || (standing.current.is_some() && replaced.is_none());
    let name = naming.name(tx, bucket.versioning)?;
    let mut version = Version {
        seq: insert(tx, &name, bucket_id, &new)?,
        bucket_id,
        key: new.key,
        version_id: name.version_id,
        delete_marker: false,
        size: new.size,
        etag: new.etag,
        modified: from_millis(name.modified)?,
        checksum_algorithm: new.checksum_algorithm,
        checksum_type: new.checksum_type,
        body: new.body,
        meta: new.meta,
        envelope: new.envelope,
        attributes: new.attributes,
        replication: name.replication,
    };
    list(tx, &version, in_history)?;

    let mut delta = replaced.as_ref().map_or_else(Delta::default, gone);
    delta.objects += i64::from(standing.current.is_none());
    delta.versions += 1;
    delta.bytes += size_to_column(version.size)?;
    tx.count(bucket_id, delta);
    usage::within_quotas(tx, bucket_id, delta)?;

    let subject = Subject {
        key: &version.key,
        seq: version.seq,
        version_id: version.version_id.as_deref(),
        size: version.size,
        etag: &version.etag,
    };
    let effect = Effect::Put;
    let tracked = outbox::post(tx, bucket_id, bucket.versioning, events, effect, &subject)?;
    if tracked {
        version.replication = Some(Replication::Pending);
    }
    Ok(Written {
        version,
        versioning: bucket.versioning,
    })
}

/// Prepares a key for a new version or delete marker on top. Where versions are not kept, the null version goes and
/// is returned; else what is there becomes history.
pub(crate) fn make_way(
    tx: &mut Tx<'_>,
    bucket_id: i64,
    bucket: BucketState,
    standing: &Standing,
    key: &str,
) -> Result<Option<Facts>> {
    let replaced = match bucket.versioning {
        Versioning::Enabled => None,
        Versioning::Off | Versioning::Suspended => {
            standing.find(tx.conn, bucket_id, key, &VersionRef::Null)?
        }
    };
    match &replaced {
        Some(replaced) => {
            remove(tx, bucket, replaced.seq, false)?;
            if standing.in_history() {
                history::leave(tx, bucket_id, key, replaced.seq)?;
            }
        }
        None if standing.current.is_some() && !standing.in_history() => {
            history::begin(tx, bucket_id, key)?;
        }
        None => {}
    }
    Ok(replaced)
}

/// Sequence and id of the next version; without an id, the sequence is left to the table.
pub(crate) fn next_name(
    tx: &Tx<'_>,
    versioning: Versioning,
) -> Result<(Option<i64>, Option<String>)> {
    if versioning != Versioning::Enabled {
        return Ok((None, None));
    }
    let last = first(
        tx.conn,
        "SELECT seq FROM sqlite_sequence WHERE name = 'versions'",
        [],
        |row| Ok(row.get::<_, i64>(0)?),
    )?;
    let seq = last.unwrap_or(0) + 1;
    Ok((Some(seq), Some(versioning::new_id(seq)?)))
}

/// What goes with a version.
pub(crate) fn gone(facts: &Facts) -> Delta {
    if facts.delete_marker {
        return Delta {
            markers: -1,
            ..Delta::default()
        };
    }
    Delta {
        versions: -1,
        bytes: i64::try_from(facts.size).map_or(i64::MIN, |size| -size),
        ..Delta::default()
    }
}

/// Writes the rows of a version, but not its place in the listings, and returns its sequence.
fn insert(tx: &Tx<'_>, name: &Name, bucket_id: i64, new: &NewVersion) -> Result<i64> {
    let inline = match &new.body {
        Body::Inline(bytes) => Some(&bytes[..]),
        Body::Parts(_) => None,
    };
    let attributes = &new.attributes;
    let (retention, retain_until, legal_hold) = attributes.lock.to_columns();
    run(
        tx.conn,
        "INSERT INTO versions (seq, bucket_id, key, version_id, delete_marker, size, etag, modified, checksum_algorithm,
                               checksum_type, owner, storage_class, retention, retain_until, legal_hold, tags, acl,
                               envelope, meta, inline)
         VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
        params![
            name.seq,
            bucket_id,
            new.key.as_bytes(),
            name.version_id,
            size_to_column(new.size)?,
            new.etag,
            name.modified,
            new.checksum_algorithm,
            new.checksum_type,
            attributes.owner,
            attributes.storage_class,
            retention,
            retain_until,
            legal_hold,
            attributes.tags.as_deref(),
            attributes.acl.as_deref(),
            &new.envelope[..],
            &new.meta[..],
            inline,
        ],
    )?;
    let seq = tx.conn.last_insert_rowid();
    remember(tx, bucket_id, &new.key, name, seq)?;
    if let Body::Parts(parts) = &new.body {
        for part in parts {
            insert_part(tx, seq, part)?;
        }
    }
    Ok(seq)
}

/// Has the id of a new version found where it does not name its sequence, and notes whether it is a replica.
pub(crate) fn remember(
    tx: &Tx<'_>,
    bucket_id: i64,
    key: &str,
    name: &Name,
    seq: i64,
) -> Result<()> {
    replicas::note(tx, seq, name.replication)?;
    match &name.version_id {
        Some(id) if name.seq.is_none() => replicas::name(tx, bucket_id, key, id, seq),
        _ => Ok(()),
    }
}

/// Enters a new version into the listings.
fn list(tx: &Tx<'_>, version: &Version, in_history: bool) -> Result<()> {
    let columns = params![
        version.bucket_id,
        version.key.as_bytes(),
        version.seq,
        size_to_column(version.size)?,
        version.etag,
        to_millis(version.modified),
        version.checksum_algorithm,
        version.checksum_type,
        version.version_id,
        version.attributes.owner,
        version.attributes.storage_class,
    ];
    run(
        tx.conn,
        "INSERT OR REPLACE INTO current (bucket_id, key, seq, size, etag, modified, checksum_algorithm, checksum_type,
                                         version_id, owner, storage_class)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        columns,
    )?;
    if in_history {
        run(
            tx.conn,
            "INSERT INTO history (bucket_id, key, seq, size, etag, modified, checksum_algorithm, checksum_type, version_id,
                                  owner, storage_class, delete_marker)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0)",
            columns,
        )?;
    }
    Ok(())
}

fn check(condition: &WriteCondition, etag: Option<&str>) -> Result<()> {
    match (condition, etag) {
        (WriteCondition::None, _) | (WriteCondition::IfNoneMatchAny, None) => Ok(()),
        (WriteCondition::IfMatch(_), None) => Err(IndexError::NoSuchKey),
        (WriteCondition::IfMatch(wanted), Some(etag)) if wanted == "*" || wanted == etag => Ok(()),
        (WriteCondition::IfMatch(_) | WriteCondition::IfNoneMatchAny, Some(_)) => {
            Err(IndexError::PreconditionFailed)
        }
    }
}

fn count_up(tx: &Tx<'_>, body: &Body, counting: Counting) -> Result<()> {
    if let Counting::Shared(source) = counting {
        first(
            tx.conn,
            "SELECT 1 FROM versions WHERE seq = ?1",
            [source],
            |_| Ok(()),
        )?
        .ok_or(IndexError::Conflict)?;
    }
    let Body::Parts(parts) = body else {
        return Ok(());
    };
    for part in parts {
        match counting {
            Counting::New => references::add(tx, &part.blob)?,
            Counting::Shared(_) => references::share(tx, &part.blob)?,
            Counting::Held => {}
        }
    }
    Ok(())
}

/// What protects a version.
pub(crate) fn lock_of(tx: &Tx<'_>, seq: i64) -> Result<Lock> {
    let sql = "SELECT retention, retain_until, legal_hold FROM versions WHERE seq = ?1";
    let lock = first(tx.conn, sql, [seq], |row| Lock::from_columns(row, 0))?;
    lock.ok_or_else(|| IndexError::damaged("a version that is listed is missing"))
}

/// Removes a version's rows, but not its place in the listings, and lets go of its blobs. Every version that goes
/// goes through here, and a locked one does not. Locks are only where the bucket has object lock, and that it keeps.
pub(crate) fn remove(
    tx: &Tx<'_>,
    bucket: BucketState,
    seq: i64,
    bypass_governance: bool,
) -> Result<()> {
    if bucket.object_lock
        && lock_of(tx, seq)?.forbids_delete(from_millis(tx.now)?, bypass_governance)
    {
        return Err(IndexError::Locked);
    }
    let gone = first(
        tx.conn,
        "DELETE FROM versions WHERE seq = ?1 RETURNING inline IS NULL, version_id",
        [seq],
        |row| Ok((row.get::<_, bool>(0)?, row.get::<_, Option<String>>(1)?)),
    )?;
    let Some((in_parts, version_id)) = gone else {
        return Ok(());
    };
    replicas::forget(tx, version_id.as_deref(), seq)?;
    if in_parts {
        let blobs = all(
            tx.conn,
            "SELECT blob FROM parts WHERE seq = ?1",
            [seq],
            |row| Ok(row.get::<_, String>(0)?),
        )?;
        run(tx.conn, "DELETE FROM parts WHERE seq = ?1", [seq])?;
        for blob in &blobs {
            references::release(tx, blob)?;
        }
    }
    Ok(())
}

fn insert_part(tx: &Tx<'_>, seq: i64, part: &Part) -> Result<()> {
    run(
        tx.conn,
        "INSERT INTO parts (seq, number, size, sealed_size, blob, header_hash, etag, checksum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            seq,
            part.number,
            size_to_column(part.size)?,
            size_to_column(part.sealed_size)?,
            part.blob,
            part.header_hash,
            part.etag,
            part.checksum,
        ],
    )?;
    Ok(())
}

/// A part from columns number, size, sealed_size, blob, header_hash, etag, checksum.
pub(crate) fn part(row: &Row<'_>) -> Result<Part> {
    Ok(Part {
        number: row.get(0)?,
        size: size(row, 1)?,
        sealed_size: size(row, 2)?,
        blob: row.get(3)?,
        header_hash: hash(row, 4)?,
        etag: row.get(5)?,
        checksum: row.get(6)?,
    })
}

fn by_seq(conn: &Connection, seq: i64) -> Result<Option<Version>> {
    let sql = format!("SELECT {COLUMNS} FROM versions v WHERE v.seq = ?1");
    version(conn, &sql, [seq])
}

fn version(conn: &Connection, sql: &str, params: impl rusqlite::Params) -> Result<Option<Version>> {
    let found = first(conn, sql, params, |row| {
        let inline: Option<Vec<u8>> = row.get(12)?;
        Ok(Version {
            seq: row.get(0)?,
            bucket_id: row.get(1)?,
            key: key(row, 2)?.to_owned(),
            version_id: row.get(3)?,
            delete_marker: row.get(4)?,
            size: size(row, 5)?,
            etag: row.get(6)?,
            modified: time(row, 7)?,
            checksum_algorithm: row.get(8)?,
            checksum_type: row.get(9)?,
            envelope: bytes(row, 10)?,
            meta: bytes(row, 11)?,
            body: inline.map_or(Body::Parts(Vec::new()), |inline| {
                Body::Inline(inline.into())
            }),
            attributes: attributes::from_columns(row, 13)?,
            replication: Replication::from_column(row.get(20)?)?,
        })
    })?;
    let Some(mut version) = found else {
        return Ok(None);
    };
    if let Body::Parts(parts) = &mut version.body {
        let sql = "SELECT number, size, sealed_size, blob, header_hash, etag, checksum FROM parts WHERE seq = ?1 ORDER BY number";
        *parts = all(conn, sql, [version.seq], part)?;
    }
    Ok(Some(version))
}
