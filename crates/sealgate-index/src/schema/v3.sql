-- Format 3. Versioning, object lock, further attributes of versions, usage and quotas, the outbox.

ALTER TABLE buckets ADD COLUMN versioning    INTEGER NOT NULL DEFAULT 0; -- 0: never was, 1: enabled, 2: suspended
ALTER TABLE buckets ADD COLUMN object_lock   INTEGER NOT NULL DEFAULT 0; -- 1: versions may be locked; never 0 again
ALTER TABLE buckets ADD COLUMN quota_bytes   INTEGER;
ALTER TABLE buckets ADD COLUMN quota_objects INTEGER;
-- What is in the bucket, kept up in the transactions that change it.
ALTER TABLE buckets ADD COLUMN objects       INTEGER NOT NULL DEFAULT 0; -- rows of current
ALTER TABLE buckets ADD COLUMN versions      INTEGER NOT NULL DEFAULT 0; -- rows of versions that are no delete markers
ALTER TABLE buckets ADD COLUMN markers       INTEGER NOT NULL DEFAULT 0; -- rows of versions that are
ALTER TABLE buckets ADD COLUMN bytes         INTEGER NOT NULL DEFAULT 0; -- plaintext of all versions
-- Until now every version was the current one.
UPDATE buckets SET (objects, versions, bytes) =
    (SELECT count(*), count(*), coalesce(sum(size), 0) FROM current WHERE bucket_id = buckets.id);

CREATE TABLE account_quotas (
    account_id TEXT NOT NULL PRIMARY KEY,
    bytes      INTEGER,
    objects    INTEGER
) WITHOUT ROWID, STRICT;

ALTER TABLE current ADD COLUMN version_id    TEXT;
ALTER TABLE current ADD COLUMN owner         TEXT;
ALTER TABLE current ADD COLUMN storage_class TEXT;

-- The versions of keys that have, or had, more than one or a delete marker, narrow as current and newest first. A key
-- that is not in here has one version, which is in current; of a key that is, every version is in here.
CREATE TABLE history (
    bucket_id          INTEGER NOT NULL,
    key                BLOB NOT NULL,
    seq                INTEGER NOT NULL,
    size               INTEGER NOT NULL,
    etag               TEXT NOT NULL,
    modified           INTEGER NOT NULL,
    checksum_algorithm TEXT,
    checksum_type      TEXT,
    version_id         TEXT,
    owner              TEXT,
    storage_class      TEXT,
    delete_marker      INTEGER NOT NULL,
    PRIMARY KEY (bucket_id, key, seq DESC)
) WITHOUT ROWID, STRICT;
CREATE INDEX history_null ON history (bucket_id, key) WHERE version_id IS NULL;

-- The table of versions anew: small columns lie before the large ones, so that reading them does not lead through a
-- whole body, and history = 0 or 1 is now a row of the table history or none.
CREATE TABLE versions_of_3 (
    seq                INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket_id          INTEGER NOT NULL,
    key                BLOB NOT NULL,
    version_id         TEXT,              -- NULL: the null version
    delete_marker      INTEGER NOT NULL,
    size               INTEGER NOT NULL,
    etag               TEXT NOT NULL,
    modified           INTEGER NOT NULL,
    checksum_algorithm TEXT,
    checksum_type      TEXT,
    owner              TEXT,              -- NULL: the bucket's
    storage_class      TEXT,              -- NULL: STANDARD
    retention          INTEGER,           -- 1: governance, 2: compliance
    retain_until       INTEGER,
    legal_hold         INTEGER,           -- NULL: was never set
    tags               BLOB,
    acl                BLOB,
    envelope           BLOB NOT NULL,
    meta               BLOB NOT NULL,
    inline             BLOB               -- NULL: the body is in parts
) STRICT;
INSERT INTO versions_of_3 (seq, bucket_id, key, version_id, delete_marker, size, etag, modified, checksum_algorithm,
                           checksum_type, envelope, meta, inline)
    SELECT seq, bucket_id, key, version_id, delete_marker, size, etag, modified, checksum_algorithm, checksum_type,
           envelope, meta, inline
    FROM versions ORDER BY seq;
-- A sequence is never used twice, also not one whose version is gone.
DELETE FROM sqlite_sequence WHERE name = 'versions_of_3';
INSERT INTO sqlite_sequence (name, seq) SELECT 'versions_of_3', seq FROM sqlite_sequence WHERE name = 'versions';
DROP TABLE versions;
ALTER TABLE versions_of_3 RENAME TO versions;

ALTER TABLE uploads ADD COLUMN object_owner  TEXT; -- as in versions
ALTER TABLE uploads ADD COLUMN storage_class TEXT;
ALTER TABLE uploads ADD COLUMN retention     INTEGER;
ALTER TABLE uploads ADD COLUMN retain_until  INTEGER;
ALTER TABLE uploads ADD COLUMN legal_hold    INTEGER;
ALTER TABLE uploads ADD COLUMN tags          BLOB;
ALTER TABLE uploads ADD COLUMN acl           BLOB;

-- What is still to be told about changes of objects, written in the transaction of the change.
CREATE TABLE outbox (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket_id   INTEGER NOT NULL,
    kind        TEXT NOT NULL,            -- whose business it is
    effect      INTEGER NOT NULL,         -- 1: put, 2: removed, 3: delete marker made, 4: changed
    key         BLOB NOT NULL,
    version_seq INTEGER NOT NULL,
    version_id  TEXT,
    versioning  INTEGER NOT NULL,         -- of the bucket, then
    size        INTEGER NOT NULL,
    etag        TEXT NOT NULL,
    created     INTEGER NOT NULL,
    due         INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    body        BLOB NOT NULL
) STRICT;
CREATE INDEX outbox_due ON outbox (kind, due, seq);

-- Events of the trail that were recorded together, many to a row; they have the places first to seq of the chain.
CREATE TABLE trail_batches (
    seq      INTEGER PRIMARY KEY,
    first    INTEGER NOT NULL,
    first_id TEXT,                        -- least and greatest id of the events that lookups find; NULL: none
    last_id  TEXT,
    chain    BLOB NOT NULL,               -- of the last event
    events   BLOB NOT NULL                -- each with its place, its hash and its columns
) STRICT;
CREATE INDEX trail_batches_by_event ON trail_batches (last_id, first_id) WHERE last_id IS NOT NULL;

-- What batches are looked up by: for each value that events of a batch have, between which times they have it.
-- Attribute 0 stands for all listed events of an account.
CREATE TABLE trail_batch_valued (
    value_id INTEGER NOT NULL,
    latest   INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    earliest INTEGER NOT NULL,
    PRIMARY KEY (value_id, latest, seq)
) WITHOUT ROWID, STRICT;
