-- API tokens. The recording is null unless the token is for one alone.
CREATE TABLE tokens (
    token        BLOB    NOT NULL PRIMARY KEY, -- SHA-256 of the token
    id           TEXT    NOT NULL UNIQUE,
    user         TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT    NOT NULL,
    scopes       TEXT    NOT NULL, -- joined by spaces
    recording    TEXT,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    expires_at   INTEGER NOT NULL,
    checksum     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_by_user ON tokens (user, id);
CREATE INDEX tokens_by_expiry ON tokens (expires_at);
