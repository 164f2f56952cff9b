-- The event store: one row per event, in order per stream and per partition.
-- `outbox_partitions` gives each partition's numbers: its row is locked from the number to the
-- commit, so numbers become visible in order and without gaps, and a reader of what comes
-- after N can never pass over a slow writer.

CREATE TABLE outbox_partitions (
  partition SMALLINT PRIMARY KEY CHECK (partition BETWEEN 0 AND 11),
  last_seq BIGINT NOT NULL DEFAULT 0
);
INSERT INTO outbox_partitions (partition) SELECT generate_series(0, 11);

CREATE TABLE events (
  stream_id UUID NOT NULL,
  version INTEGER NOT NULL CHECK (version > 0),
  partition SMALLINT NOT NULL REFERENCES outbox_partitions,
  partition_seq BIGINT NOT NULL,
  event_id UUID NOT NULL UNIQUE,
  type TEXT NOT NULL,
  data JSONB NOT NULL,
  private BYTEA,
  recorded_at TIMESTAMPTZ NOT NULL,
  known_at TIMESTAMPTZ NOT NULL,
  municipality_code TEXT NOT NULL,
  correlation_id UUID NOT NULL,
  causation_id UUID,
  traceparent TEXT NOT NULL,
  PRIMARY KEY (stream_id, version),
  UNIQUE (partition, partition_seq)
);
COMMENT ON COLUMN events.private IS 'personal data, sealed under the key of the stream''s person';

CREATE TABLE person_keys (
  person_id UUID PRIMARY KEY,
  wrapped_key BYTEA NOT NULL
);
