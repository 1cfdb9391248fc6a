-- Format 4. Replication.

-- Versions that are replicated, or replicas. Beside the table of versions, whose rows are large and would be written
-- again with each change.
CREATE TABLE replications (
    seq     INTEGER PRIMARY KEY,          -- of the version
    status  INTEGER NOT NULL,             -- 1: pending, 2: completed, 3: failed, 4: is a replica
    waiting INTEGER NOT NULL              -- entries of the outbox that carry it elsewhere
) STRICT;

-- 1: the entry carries a version elsewhere, and is counted with the version.
ALTER TABLE outbox ADD COLUMN tracked INTEGER NOT NULL DEFAULT 0;

-- Versions whose id does not name their sequence: replicas, which have the id of their original, and versions that
-- were given a new place because an older replica came later.
CREATE TABLE version_names (
    bucket_id  INTEGER NOT NULL,
    key        BLOB NOT NULL,
    version_id TEXT NOT NULL,
    seq        INTEGER NOT NULL,
    PRIMARY KEY (bucket_id, key, version_id)
) WITHOUT ROWID, STRICT;
CREATE INDEX version_names_by_seq ON version_names (seq);
