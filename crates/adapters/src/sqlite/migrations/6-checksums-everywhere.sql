-- Whatever is shown of anybody has a checksum over the columns before it, as recordings have.
ALTER TABLE store ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
UPDATE store SET checksum = row_checksum(id, history);

ALTER TABLE users ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
UPDATE users SET checksum = row_checksum(id, network, subject, password, created_at);

ALTER TABLE sessions ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
UPDATE sessions
SET checksum = row_checksum(token, id, user, client, created_at, last_used_at, expires_at, ends_at);

ALTER TABLE deleted ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
UPDATE deleted SET checksum = row_checksum(owner, id, changed, deleted_at, blob);

ALTER TABLE uploads ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
UPDATE uploads
SET checksum = row_checksum(owner, id, kind, name, declared_type, recorded_at, recorded_offset, again, staged, length,
                            sha256, reserved_bytes, key, expires_at, client_duration_ms);

-- Over the owner and `forgotten` alone: everything else in the row is counted anew. Null as long as nothing is forgotten.
ALTER TABLE counters ADD COLUMN checksum INTEGER;
UPDATE counters SET checksum = row_checksum(owner, forgotten) WHERE forgotten <> 0;
