-- What is damaged is counted when a server starts: nothing, as a rule, and then this is empty.
CREATE INDEX recordings_damaged ON recordings (owner, id) WHERE damaged_at IS NOT NULL;
