-- A user has identities: what they sign in with, one or several. What was damaged before stays so; where that makes two
-- rows the same, the first is kept.
CREATE TABLE people (
    id          TEXT    NOT NULL PRIMARY KEY,
    password    TEXT,             -- PHC string
    created_at  INTEGER NOT NULL,
    disabled_at INTEGER,
    checksum    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT OR IGNORE INTO people
SELECT id, password, created_at, NULL,
       CASE checksum WHEN row_checksum(id, network, subject, password, created_at)
       THEN row_checksum(id, password, created_at) ELSE -1 END
FROM users;

CREATE TABLE identities (
    user      TEXT    NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    id        TEXT    NOT NULL,
    network   TEXT    NOT NULL, -- the social network of the subject; empty if the subject is an email address
    subject   TEXT    NOT NULL,
    linked_at INTEGER NOT NULL,
    checksum  INTEGER NOT NULL,
    PRIMARY KEY (network, subject)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX identities_by_user ON identities (user, id);

INSERT OR IGNORE INTO identities
SELECT id, id, network, subject, created_at,
       CASE checksum WHEN row_checksum(id, network, subject, password, created_at)
       THEN row_checksum(id, id, network, subject, created_at) ELSE -1 END
FROM users;

-- A table that others refer to cannot be dropped without what refers to it.
CREATE TABLE signed_in (
    token        BLOB    NOT NULL PRIMARY KEY, -- SHA-256 of the token
    id           TEXT    NOT NULL UNIQUE,
    user         TEXT    NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    client       TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL,
    checksum     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT OR IGNORE INTO signed_in
SELECT token, id, user, client, created_at, last_used_at, expires_at, ends_at, checksum
FROM sessions WHERE user IN (SELECT id FROM people);

DROP TABLE sessions;
DROP TABLE users;
ALTER TABLE people RENAME TO users;
ALTER TABLE signed_in RENAME TO sessions;

CREATE INDEX sessions_by_user ON sessions (user, id);
