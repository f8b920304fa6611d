-- Recordings lie in the order they are listed in, so that a page of them is read in one go, however many there are:
-- before, each of its rows had to be sought by an id that is random.
CREATE TABLE recordings_in_order (
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
    PRIMARY KEY (owner, received_at, id)
) STRICT, WITHOUT ROWID;

INSERT INTO recordings_in_order
SELECT owner, id, name, media_type, size, sha256, recorded_at, recorded_offset, received_at, revision, blob
FROM recordings ORDER BY owner, received_at, id;

DROP TABLE recordings;
ALTER TABLE recordings_in_order RENAME TO recordings;

CREATE UNIQUE INDEX recordings_by_id ON recordings (owner, id);
CREATE INDEX recordings_by_recorded ON recordings (owner, recorded_at, id);
CREATE UNIQUE INDEX recordings_by_blob ON recordings (blob);
