-- Which playback links of an owner count, by lot; null before they have signed out everywhere for the first time.
ALTER TABLE counters ADD COLUMN link_epoch INTEGER;

-- What playback links are signed with: the key of the highest number signs, the one before still counts.
CREATE TABLE playback_keys (
    number   INTEGER NOT NULL PRIMARY KEY,
    key      BLOB    NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
