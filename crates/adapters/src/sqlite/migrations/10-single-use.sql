-- What was used, of what counts once: nonces, and tokens of others. Nobody needs to know it after a while.
CREATE TABLE used (
    digest     BLOB    NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL,
    checksum   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX used_by_expiry ON used (expires_at);
