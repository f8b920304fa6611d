-- Tries of passwords: how often each account was tried, which may be of nobody, and when the next one is heard.
CREATE TABLE attempts (
    key        BLOB    NOT NULL PRIMARY KEY,
    state      BLOB    NOT NULL,
    expires_at INTEGER NOT NULL,
    checksum   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_by_expiry ON attempts (expires_at);
