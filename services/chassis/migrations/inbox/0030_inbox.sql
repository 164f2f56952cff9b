-- What a service has read: positions and their counts move in the transaction of the effects.

CREATE TABLE inbox_positions (
  topic TEXT NOT NULL,
  partition SMALLINT NOT NULL,
  next_offset BIGINT NOT NULL DEFAULT 0,
  last_seq BIGINT NOT NULL DEFAULT 0,
  applied BIGINT NOT NULL DEFAULT 0,
  ignored BIGINT NOT NULL DEFAULT 0,
  duplicate BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (topic, partition)
);
COMMENT ON COLUMN inbox_positions.last_seq IS 'the last ce_partitionseq seen';

-- How far each stream is read: the version of the last message taken, held ones included.
CREATE TABLE inbox_streams (
  topic TEXT NOT NULL,
  stream_id UUID NOT NULL,
  version INTEGER NOT NULL,
  PRIMARY KEY (topic, stream_id)
) WITH (fillfactor = 70);

-- Messages that are not applied: waiting for something named, or parked for a person.
CREATE TABLE held_messages (
  topic TEXT NOT NULL,
  partition SMALLINT NOT NULL,
  message_offset BIGINT NOT NULL,
  dead_letter_id UUID NOT NULL UNIQUE,
  stream_id TEXT NOT NULL,
  version INTEGER,
  parked BOOLEAN NOT NULL,
  reason TEXT NOT NULL,
  year SMALLINT,
  key BYTEA,
  value BYTEA,
  headers BYTEA NOT NULL,
  held_at TIMESTAMPTZ NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (topic, partition, message_offset)
);
CREATE INDEX held_messages_by_stream ON held_messages (stream_id, topic, message_offset);
CREATE INDEX held_messages_by_year ON held_messages (year) WHERE year IS NOT NULL;
