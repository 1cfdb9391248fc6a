-- Format 1. Keys are BLOBs of UTF-8, so that ranges of bytes can be asked for. Times are milliseconds since 1970 (UTC).

CREATE TABLE buckets (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE,
    account_id TEXT NOT NULL,
    region     TEXT NOT NULL,
    created    INTEGER NOT NULL
) STRICT;
CREATE INDEX buckets_by_account ON buckets (account_id, name);

CREATE TABLE bucket_config (
    bucket_id INTEGER NOT NULL,
    kind      TEXT NOT NULL,
    body      BLOB NOT NULL,
    PRIMARY KEY (bucket_id, kind)
) WITHOUT ROWID, STRICT;

-- What listings read: one narrow row per key whose current version is not a delete marker.
CREATE TABLE current (
    bucket_id          INTEGER NOT NULL,
    key                BLOB NOT NULL,
    seq                INTEGER NOT NULL,
    size               INTEGER NOT NULL,
    etag               TEXT NOT NULL,
    modified           INTEGER NOT NULL,
    checksum_algorithm TEXT,
    checksum_type      TEXT,
    PRIMARY KEY (bucket_id, key)
) WITHOUT ROWID, STRICT;

-- Every version. AUTOINCREMENT: a sequence is never used twice, so it identifies a version for good.
CREATE TABLE versions (
    seq                INTEGER PRIMARY KEY AUTOINCREMENT,
    bucket_id          INTEGER NOT NULL,
    key                BLOB NOT NULL,
    version_id         TEXT,              -- NULL: the null version
    history            INTEGER NOT NULL,  -- 0: the only version of its key, found through current; 1: see below
    delete_marker      INTEGER NOT NULL,
    size               INTEGER NOT NULL,
    etag               TEXT NOT NULL,
    modified           INTEGER NOT NULL,
    checksum_algorithm TEXT,
    checksum_type      TEXT,
    envelope           BLOB NOT NULL,
    meta               BLOB NOT NULL,
    inline             BLOB               -- NULL: the body is in parts
) STRICT;
-- Versions of keys that have (or may get) more than one. Keys of unversioned buckets, which are most, are spared the
-- second tree: their one version is found through current, and gets its history = 1 when another one is put upon it.
CREATE INDEX versions_by_key ON versions (bucket_id, key, seq) WHERE history = 1;

CREATE TABLE parts (
    seq         INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    sealed_size INTEGER NOT NULL,
    blob        TEXT NOT NULL,
    header_hash BLOB NOT NULL,
    etag        TEXT NOT NULL,
    checksum    BLOB,
    PRIMARY KEY (seq, number)
) WITHOUT ROWID, STRICT;

-- How many rows of parts and upload_parts name a blob.
CREATE TABLE blobs (
    name TEXT NOT NULL PRIMARY KEY,
    refs INTEGER NOT NULL
) WITHOUT ROWID, STRICT;

-- Blobs that no row names any more.
CREATE TABLE garbage (
    blob  TEXT NOT NULL PRIMARY KEY,
    since INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX garbage_by_since ON garbage (since);

CREATE TABLE uploads (
    seq                INTEGER PRIMARY KEY AUTOINCREMENT,
    id                 TEXT NOT NULL UNIQUE,
    bucket_id          INTEGER NOT NULL,
    key                BLOB NOT NULL,
    initiated          INTEGER NOT NULL,
    initiator          TEXT NOT NULL,
    owner              TEXT NOT NULL,
    checksum_algorithm TEXT,
    checksum_type      TEXT,
    envelope           BLOB NOT NULL,
    meta               BLOB NOT NULL
) STRICT;
CREATE INDEX uploads_by_key ON uploads (bucket_id, key, id);

CREATE TABLE upload_parts (
    upload_seq  INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    sealed_size INTEGER NOT NULL,
    blob        TEXT NOT NULL,
    header_hash BLOB NOT NULL,
    etag        TEXT NOT NULL,
    checksum    BLOB,
    modified    INTEGER NOT NULL,
    PRIMARY KEY (upload_seq, number)
) WITHOUT ROWID, STRICT;

CREATE TABLE records (
    ns       TEXT NOT NULL,
    id       TEXT NOT NULL,
    revision INTEGER NOT NULL,
    body     BLOB NOT NULL,
    PRIMARY KEY (ns, id)
) WITHOUT ROWID, STRICT;

CREATE TABLE counters (
    name  TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
INSERT INTO counters VALUES ('record revision', 0);

-- The trail: append-only; chain = SHA-256(chain of the row before ‖ event).
CREATE TABLE trail (
    seq           INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id    TEXT NOT NULL,
    time          INTEGER NOT NULL,
    event_id      TEXT NOT NULL,
    event_name    TEXT NOT NULL,
    event_source  TEXT NOT NULL,
    username      TEXT,
    access_key_id TEXT,
    read_only     INTEGER NOT NULL,
    resources     TEXT NOT NULL,          -- JSON: [[type, name], …]
    chain         BLOB NOT NULL,
    event         BLOB NOT NULL
) STRICT;
CREATE INDEX trail_by_time ON trail (account_id, time);

-- What the trail is looked up by, newest first within each value.
CREATE TABLE trail_attributes (
    account_id TEXT NOT NULL,
    attribute  INTEGER NOT NULL,
    value      TEXT NOT NULL,
    time       INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    PRIMARY KEY (account_id, attribute, value, time, seq)
) WITHOUT ROWID, STRICT;
