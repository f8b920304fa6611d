-- Rows remember: a number for each change of an owner's recordings, a tombstone for each that was deleted, counters of
-- everything an owner has, and a checksum over each recording. `row_checksum` is a function of the program.

-- Tells one history of these rows from every other: renewed when they are put back to an earlier state.
ALTER TABLE store ADD COLUMN history TEXT NOT NULL DEFAULT '';
UPDATE store SET history = lower(hex(randomblob(8)));

CREATE TABLE remembering (
    owner           TEXT    NOT NULL,
    id              TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    declared_type   TEXT    NOT NULL, -- as the client has it
    media_type      TEXT    NOT NULL, -- as it is
    size            INTEGER NOT NULL,
    sha256          BLOB    NOT NULL,
    digest          TEXT    NOT NULL, -- who says so: 'computed' here, or 'declared' by the client
    recorded_at     INTEGER NOT NULL,
    recorded_offset INTEGER NOT NULL, -- seconds east of UTC, on the client's clock
    received_at     INTEGER NOT NULL,
    revision        INTEGER NOT NULL,
    changed         INTEGER NOT NULL, -- the number of its last change among its owner's
    verified_at     INTEGER,
    damaged_at      INTEGER,
    blob            TEXT    NOT NULL,
    checksum        INTEGER NOT NULL, -- CRC-32 over the columns before it, and those that came later
    -- Room for what comes; a column that is null is no part of the checksum.
    client_duration_ms INTEGER,
    media           TEXT,             -- what the audio is: duration, codec, ...; JSON
    title           TEXT,
    tags            TEXT,             -- JSON
    folder          TEXT,
    starred         INTEGER,
    archived        INTEGER,
    note            TEXT,
    trashed_at      INTEGER,
    purge_at        INTEGER,
    search          TEXT,             -- what is searched through; JSON
    ended_by        TEXT,             -- 'client' or 'idle'
    PRIMARY KEY (owner, received_at, id)
) STRICT, WITHOUT ROWID;

INSERT INTO remembering (owner, id, name, declared_type, media_type, size, sha256, digest, recorded_at,
                         recorded_offset, received_at, revision, changed, blob, checksum)
SELECT owner, id, name, media_type, media_type, size, sha256, 'computed', recorded_at, recorded_offset, received_at,
       revision, changed, blob,
       row_checksum(owner, id, name, media_type, media_type, size, sha256, 'computed', recorded_at, recorded_offset,
                    received_at, revision, changed, NULL, NULL, blob)
FROM (SELECT *, row_number() OVER (PARTITION BY owner ORDER BY received_at, id) AS changed FROM recordings)
ORDER BY owner, received_at, id;

DROP TABLE recordings;
ALTER TABLE remembering RENAME TO recordings;

CREATE UNIQUE INDEX recordings_by_id ON recordings (owner, id);
CREATE INDEX recordings_by_recorded ON recordings (owner, recorded_at, id);
CREATE UNIQUE INDEX recordings_by_changed ON recordings (owner, changed);
CREATE UNIQUE INDEX recordings_by_blob ON recordings (blob);

-- What else belongs to a recording, such as a waveform.
CREATE TABLE derived_blobs (
    owner     TEXT NOT NULL,
    recording TEXT NOT NULL,
    kind      TEXT NOT NULL,
    blob      TEXT NOT NULL,
    PRIMARY KEY (owner, recording, kind)
) STRICT, WITHOUT ROWID;

-- Tombstones of deleted recordings.
CREATE TABLE deleted (
    owner      TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    changed    INTEGER NOT NULL,
    deleted_at INTEGER NOT NULL,
    blob       TEXT,             -- the audio that is left to remove
    PRIMARY KEY (owner, id)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX deleted_by_changed ON deleted (owner, changed);

-- Uploads under way of every kind; their reserved bytes count in `counters`.
CREATE TABLE uploads (
    owner           TEXT    NOT NULL,
    id              TEXT    NOT NULL,
    kind            TEXT    NOT NULL, -- 'direct'
    name            TEXT    NOT NULL,
    declared_type   TEXT    NOT NULL,
    recorded_at     INTEGER NOT NULL,
    recorded_offset INTEGER NOT NULL,
    again           INTEGER NOT NULL, -- whether it may take the id of a recording that was deleted
    staged          TEXT    NOT NULL, -- where the blob store collects the parts
    length          INTEGER,
    sha256          BLOB,
    reserved_bytes  INTEGER NOT NULL,
    key             BLOB    NOT NULL, -- what links are signed with
    expires_at      INTEGER NOT NULL,
    -- Room for what comes, and for what is appended to.
    client_duration_ms INTEGER,
    position        INTEGER,
    hash_state      BLOB,
    claim           INTEGER,
    answer          TEXT,
    PRIMARY KEY (owner, id)
) STRICT, WITHOUT ROWID;

INSERT INTO uploads (owner, id, kind, name, declared_type, recorded_at, recorded_offset, again, staged, length, sha256,
                     reserved_bytes, key, expires_at)
SELECT owner, id, 'direct', name, media_type, recorded_at, recorded_offset, FALSE, staged, size, sha256, size, key,
       expires_at
FROM plans;

-- What is to be done, and when.
CREATE TABLE due (
    owner     TEXT    NOT NULL,
    kind      TEXT    NOT NULL, -- 'upload', 'session', 'audio' or 'tombstone'
    reference TEXT    NOT NULL, -- the upload's or session's id; of audio and tombstones, the recording's id/the blob
    due_at    INTEGER NOT NULL,
    claim     TEXT,             -- room for whoever is at it
    PRIMARY KEY (owner, kind, reference)
) STRICT, WITHOUT ROWID;

CREATE INDEX due_in_time ON due (kind, due_at);

INSERT INTO due (owner, kind, reference, due_at) SELECT owner, 'upload', id, expires_at FROM plans;
INSERT INTO due (owner, kind, reference, due_at) SELECT user, 'session', id, expires_at FROM sessions;

-- What each owner has, kept in the same transactions.
CREATE TABLE counters (
    owner          TEXT    NOT NULL PRIMARY KEY,
    bytes          INTEGER NOT NULL DEFAULT 0,
    reserved_bytes INTEGER NOT NULL DEFAULT 0,
    recordings     INTEGER NOT NULL DEFAULT 0,
    uploads        INTEGER NOT NULL DEFAULT 0,
    sessions       INTEGER NOT NULL DEFAULT 0,
    tombstones     INTEGER NOT NULL DEFAULT 0,
    changed        INTEGER NOT NULL DEFAULT 0, -- the number of the last change
    forgotten      INTEGER NOT NULL DEFAULT 0, -- tombstones up to this number may be gone
    -- Room for what comes.
    trashed        INTEGER NOT NULL DEFAULT 0,
    trashed_bytes  INTEGER NOT NULL DEFAULT 0,
    tokens         INTEGER NOT NULL DEFAULT 0,
    shares         INTEGER NOT NULL DEFAULT 0,
    webhooks       INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

INSERT INTO counters (owner, bytes, recordings, changed)
SELECT owner, sum(size), count(*), count(*) FROM recordings GROUP BY owner;
INSERT INTO counters (owner, reserved_bytes, uploads)
SELECT owner, sum(reserved_bytes), count(*) FROM uploads WHERE TRUE GROUP BY owner
ON CONFLICT (owner) DO UPDATE SET reserved_bytes = excluded.reserved_bytes, uploads = excluded.uploads;
INSERT INTO counters (owner, sessions) SELECT user, count(*) FROM sessions WHERE TRUE GROUP BY user
ON CONFLICT (owner) DO UPDATE SET sessions = excluded.sessions;

DROP TABLE plans;
DROP TABLE usage;
DROP INDEX sessions_by_expiry;
