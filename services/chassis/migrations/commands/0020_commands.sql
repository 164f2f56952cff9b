-- Commands answered: a key gives its first answer for ever. The content is kept as one keyed
-- fingerprint per field, never as it came.

CREATE TABLE commands (
  key TEXT PRIMARY KEY,
  operation TEXT NOT NULL,
  field_macs JSONB NOT NULL,
  answer JSONB NOT NULL,
  recorded_at TIMESTAMPTZ NOT NULL
);
