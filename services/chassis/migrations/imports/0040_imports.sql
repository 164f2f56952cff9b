-- Files on their way in. Rows are sealed, and go when their import has ended.

CREATE TABLE imports (
  import_id UUID PRIMARY KEY,
  kind TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('staging', 'checking', 'refused', 'appending', 'done')),
  dry_run BOOLEAN NOT NULL,
  partial BOOLEAN NOT NULL,
  rows_total INTEGER NOT NULL,
  checked INTEGER NOT NULL DEFAULT 0,
  appended INTEGER NOT NULL DEFAULT 0,
  repeated INTEGER NOT NULL DEFAULT 0,
  opened_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE import_rows (
  import_id UUID NOT NULL REFERENCES imports ON DELETE CASCADE,
  row_no INTEGER NOT NULL,
  line INTEGER NOT NULL,
  sealed BYTEA,
  settled TEXT,
  stream_id TEXT,
  version INTEGER,
  PRIMARY KEY (import_id, row_no)
);
COMMENT ON COLUMN import_rows.settled IS
  'appended, repeated, refused, or dropped (a good row of a file that is not taken); NULL: to do';

CREATE TABLE import_remarks (
  import_id UUID NOT NULL REFERENCES imports ON DELETE CASCADE,
  line INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('problem', 'warning')),
  remark BYTEA NOT NULL
);
CREATE INDEX import_remarks_by_import ON import_remarks (import_id, line);
