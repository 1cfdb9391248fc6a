-- Format 2. The trail is looked up through narrow rows: a value is written once, and what has it refers to it. Events
-- of S3's data are in the chain, but in none of these: LookupEvents does not know them.

ALTER TABLE trail ADD COLUMN listed INTEGER NOT NULL DEFAULT 1; -- 0: LookupEvents does not find it
DROP INDEX trail_by_time;
CREATE INDEX trail_by_time ON trail (account_id, time) WHERE listed = 1;
-- Ids are of ascending kind (UUIDv7), so that new ones go to one end of this.
CREATE INDEX trail_by_event ON trail (event_id) WHERE listed = 1;

CREATE TABLE trail_values (
    id         INTEGER PRIMARY KEY,
    account_id TEXT NOT NULL,
    attribute  INTEGER NOT NULL,
    value      TEXT NOT NULL,
    UNIQUE (account_id, attribute, value)
) STRICT;

-- Newest first within each value. Attribute 1, the event's id, is found through its index.
CREATE TABLE trail_valued (
    value_id INTEGER NOT NULL,
    time     INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    PRIMARY KEY (value_id, time, seq)
) WITHOUT ROWID, STRICT;

INSERT INTO trail_values (account_id, attribute, value)
    SELECT DISTINCT account_id, attribute, value FROM trail_attributes WHERE attribute <> 1;
INSERT INTO trail_valued (value_id, time, seq)
    SELECT v.id, a.time, a.seq FROM trail_attributes a
    JOIN trail_values v ON v.account_id = a.account_id AND v.attribute = a.attribute AND v.value = a.value
    WHERE a.attribute <> 1;
DROP TABLE trail_attributes;
