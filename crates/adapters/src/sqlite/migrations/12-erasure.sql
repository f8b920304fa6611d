-- From when on all that is a user's is removed, who has left; then there is something due of kind 'erasure'.
-- No part of the checksum while it is null.
ALTER TABLE users ADD COLUMN erase_at INTEGER;
