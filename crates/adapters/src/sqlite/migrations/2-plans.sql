-- Uploads that are announced and not complete yet; their bytes count in `usage`.
CREATE TABLE plans (
    owner           TEXT    NOT NULL,
    id              TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    media_type      TEXT    NOT NULL,
    size            INTEGER NOT NULL,
    sha256          BLOB    NOT NULL,
    recorded_at     INTEGER NOT NULL,
    recorded_offset INTEGER NOT NULL, -- seconds east of UTC, on the client's clock
    staged          TEXT    NOT NULL, -- where the blob store collects the parts
    key             BLOB    NOT NULL, -- what links are signed with
    expires_at      INTEGER NOT NULL,
    PRIMARY KEY (owner, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX plans_by_expiry ON plans (expires_at);
