-- However small it is, a recording counts as a block of 4 KiB: everybody is counted anew.
UPDATE uploads SET reserved_bytes = max(reserved_bytes, 4096);
UPDATE counters SET
    bytes = (SELECT coalesce(sum(max(size, 4096)), 0) FROM recordings WHERE owner = counters.owner),
    reserved_bytes = (SELECT coalesce(sum(reserved_bytes), 0) FROM uploads WHERE owner = counters.owner);

-- Sessions are listed by their ids, which begin with when they began.
DROP INDEX sessions_by_user;
CREATE INDEX sessions_by_user ON sessions (user, id);
