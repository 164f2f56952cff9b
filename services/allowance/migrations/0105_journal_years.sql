-- A citizen's year is asked for at every age of the ledger: its own entries alone are read, not all
-- of the citizen's, which stand scattered. Keys repeat, so the index stays small.

CREATE INDEX journal_of_year ON journal (citizen_id, year)
WHERE year IS NOT NULL;
