-- Times are microseconds since 1970 in UTC. Users and ids are text, readable without this program.

-- One row: a ULID that tells this database from every other, for the audio to know its own.
CREATE TABLE store (
    id TEXT NOT NULL
) STRICT;

CREATE TABLE recordings (
    owner           TEXT    NOT NULL,
    id              TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    media_type      TEXT    NOT NULL,
    size            INTEGER NOT NULL,
    sha256          BLOB    NOT NULL,
    recorded_at     INTEGER NOT NULL,
    recorded_offset INTEGER NOT NULL, -- seconds east of UTC, on the client's clock
    received_at     INTEGER NOT NULL,
    revision        INTEGER NOT NULL,
    blob            TEXT    NOT NULL,
    PRIMARY KEY (owner, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX recordings_by_received ON recordings (owner, received_at, id);
CREATE INDEX recordings_by_recorded ON recordings (owner, recorded_at, id);
CREATE UNIQUE INDEX recordings_by_blob ON recordings (blob);

-- The sum of the sizes of each owner's recordings, kept in the same transactions.
CREATE TABLE usage (
    owner TEXT    NOT NULL PRIMARY KEY,
    bytes INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    id         TEXT    NOT NULL PRIMARY KEY,
    network    TEXT    NOT NULL, -- the social network of the subject; empty if the subject is an email address
    subject    TEXT    NOT NULL,
    password   TEXT,             -- PHC string
    created_at INTEGER NOT NULL,
    UNIQUE (network, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    token        BLOB    NOT NULL PRIMARY KEY, -- SHA-256 of the token
    id           TEXT    NOT NULL UNIQUE,
    user         TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client       TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_user ON sessions (user, created_at);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
