-- At most one row: the last step of the audio from one generation to the next, noted before the audio takes it.
CREATE TABLE generation (
    came_from TEXT, -- null for the first
    leads_to  TEXT    NOT NULL,
    checksum  INTEGER NOT NULL
) STRICT;
