-- Commands answered: a key gives its first answer for ever. The key is kept as a keyed
-- fingerprint, the content as one per field, never as they came.

CREATE TABLE commands (
  key TEXT PRIMARY KEY,
  operation TEXT NOT NULL,
  field_macs JSONB NOT NULL,
  answer JSON NOT NULL,
  recorded_at TIMESTAMPTZ NOT NULL
);
