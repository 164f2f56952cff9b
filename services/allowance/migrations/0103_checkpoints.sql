-- Signed heads of the whole ledger, and the keys they are signed with. Both are evidence: the
-- running role may insert and select there, nothing else.

CREATE TABLE signing_keys (
  key_no INTEGER PRIMARY KEY CHECK (key_no > 0),
  key_id TEXT NOT NULL UNIQUE,
  public_key BYTEA NOT NULL CHECK (length(public_key) = 32),
  endorsed_by TEXT REFERENCES signing_keys (key_id),
  endorsement BYTEA CHECK (length(endorsement) = 64),
  added_at TIMESTAMPTZ NOT NULL,
  CONSTRAINT the_first_is_endorsed_by_none CHECK (
    (key_no = 1) = (endorsed_by IS NULL)
    AND (key_no = 1) = (endorsement IS NULL)
  )
);

-- Numbered without gaps, so that the relay sends each once: two that are taken at the same
-- moment conflict on the number.
CREATE TABLE checkpoints (
  checkpoint_no INTEGER PRIMARY KEY CHECK (checkpoint_no > 0),
  event_id UUID NOT NULL UNIQUE,
  key_id TEXT NOT NULL REFERENCES signing_keys (key_id),
  taken_at TIMESTAMPTZ NOT NULL,
  bytes BYTEA NOT NULL
);
COMMENT ON COLUMN checkpoints.bytes IS 'the payload of checkpoint-signed as it is published';

-- How far each second party holds them.
CREATE TABLE checkpoint_handovers (
  place TEXT PRIMARY KEY,
  checkpoint_no INTEGER NOT NULL
);

GRANT SELECT, INSERT ON signing_keys, checkpoints TO allowance_app;
GRANT SELECT, INSERT, UPDATE ON checkpoint_handovers TO allowance_app;
GRANT SELECT ON signing_keys, checkpoints, checkpoint_handovers TO allowance_auditor;
