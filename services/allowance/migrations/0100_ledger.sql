-- The ledger. The journal is append-only and its own outbox: the running role may insert and
-- select there, nothing else, and owns nothing.

-- One row per partition: locked by whoever enters into the partition, so that entries are
-- numbered without gaps and in the order in which they become visible. `change_no` tells a
-- process whether what it remembers of the partition's citizens is still so.
CREATE TABLE ledger_partitions (
  partition SMALLINT PRIMARY KEY CHECK (partition BETWEEN 0 AND 11),
  journal_seq BIGINT NOT NULL DEFAULT 0,
  change_no BIGINT NOT NULL DEFAULT 0
);
INSERT INTO ledger_partitions (partition) SELECT generate_series(0, 11);

CREATE TABLE journal (
  citizen_id UUID NOT NULL,
  entry_no INTEGER NOT NULL CHECK (entry_no > 0),
  partition SMALLINT NOT NULL,
  journal_seq BIGINT NOT NULL,
  hash BYTEA NOT NULL CHECK (length(hash) = 32),
  bytes BYTEA NOT NULL,
  -- what follows repeats the bytes, or what folding them gives, and is compared by verification
  source_id UUID NOT NULL,
  source_type TEXT NOT NULL,
  source_version INTEGER NOT NULL,
  municipality_code TEXT NOT NULL,
  recorded_at TIMESTAMPTZ NOT NULL,
  known_at TIMESTAMPTZ NOT NULL,
  card_no TEXT,
  wage_id UUID,
  year SMALLINT,
  paid_on DATE,
  amount_ore BIGINT,
  covered_ore BIGINT,
  excess_ore BIGINT,
  limit_ore BIGINT,
  year_covered_ore BIGINT,
  year_excess_ore BIGINT,
  -- where the source stood and what it was part of: unhashed, so that a restore onto other
  -- topics keeps the chain
  source_topic TEXT NOT NULL,
  source_partition SMALLINT NOT NULL,
  source_offset BIGINT NOT NULL,
  correlation_id TEXT NOT NULL,
  traceparent TEXT,
  PRIMARY KEY (citizen_id, entry_no),
  UNIQUE (partition, journal_seq),
  CONSTRAINT every_oere_is_covered_or_excess CHECK (covered_ore + excess_ore = amount_ore)
);

CREATE VIEW postings AS
SELECT
  journal.citizen_id,
  journal.entry_no,
  posting.account,
  journal.year,
  posting.amount_ore
FROM journal
CROSS JOIN LATERAL (
  VALUES
    ('available', -covered_ore),
    ('covered', covered_ore),
    ('employer', -excess_ore),
    ('excess', excess_ore)
) AS posting (account, amount_ore)
WHERE posting.amount_ore <> 0;

-- What deciding needs to know of a citizen, kept beside the journal it is folded from.
CREATE TABLE citizens (
  citizen_id UUID PRIMARY KEY,
  partition SMALLINT NOT NULL,
  entry_no INTEGER NOT NULL,
  head BYTEA NOT NULL,
  recorded_at TIMESTAMPTZ NOT NULL,
  grants_version INTEGER NOT NULL,
  payroll_version INTEGER NOT NULL,
  changes JSONB NOT NULL
) WITH (fillfactor = 60);
COMMENT ON COLUMN citizens.payroll_version IS 'read up to here, waiting messages included';

CREATE TABLE balances (
  citizen_id UUID NOT NULL,
  year SMALLINT NOT NULL,
  covered_ore BIGINT NOT NULL,
  excess_ore BIGINT NOT NULL,
  entries INTEGER NOT NULL,
  PRIMARY KEY (citizen_id, year)
) WITH (fillfactor = 60);

-- The municipality's picture, for the status.
CREATE TABLE cards (
  card_no TEXT PRIMARY KEY,
  citizen_id UUID NOT NULL,
  municipality_code TEXT NOT NULL,
  valid_from DATE NOT NULL,
  benefit TEXT NOT NULL,
  age_group TEXT NOT NULL
);
CREATE INDEX cards_by_citizen ON cards (citizen_id);

CREATE TABLE card_changes (
  card_no TEXT NOT NULL,
  version INTEGER NOT NULL,
  kind TEXT NOT NULL,
  effective_on DATE NOT NULL,
  decided_on DATE NOT NULL,
  municipality_code TEXT,
  PRIMARY KEY (card_no, version)
);

CREATE TABLE employments (
  employment_id UUID PRIMARY KEY,
  card_no TEXT NOT NULL,
  sector TEXT NOT NULL,
  starts_on DATE NOT NULL,
  ends_on DATE,
  consultant TEXT,
  registered_on DATE NOT NULL
);

-- The rules: a stream of their own, chained in the same way.
CREATE TABLE rules (
  version INTEGER PRIMARY KEY CHECK (version > 0),
  rule_key TEXT NOT NULL,
  type TEXT NOT NULL,
  event_id UUID NOT NULL UNIQUE,
  hash BYTEA NOT NULL CHECK (length(hash) = 32),
  bytes BYTEA NOT NULL,
  recorded_at TIMESTAMPTZ NOT NULL,
  known_at TIMESTAMPTZ NOT NULL,
  year SMALLINT NOT NULL,
  amount_ore BIGINT,
  income_limit_ore BIGINT,
  in_force_from DATE,
  legal_basis TEXT
);

GRANT SELECT, INSERT ON journal, rules, commands TO allowance_app;
GRANT SELECT ON postings TO allowance_app;
GRANT SELECT, UPDATE ON ledger_partitions TO allowance_app;
GRANT SELECT, INSERT, UPDATE ON citizens, balances, cards, card_changes, employments TO allowance_app;
GRANT SELECT, INSERT, UPDATE ON inbox_positions, inbox_streams TO allowance_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON held_messages TO allowance_app;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO allowance_auditor;
