-- Since when it is known that a user reads the mail of an address. No part of the checksum while it is null.
ALTER TABLE identities ADD COLUMN verified_at INTEGER;
