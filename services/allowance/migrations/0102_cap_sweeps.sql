-- A changed cap is brought to every citizen whose year is open, page by page: how far it has come.
CREATE TABLE cap_sweeps (
  rule_version INTEGER PRIMARY KEY,
  year SMALLINT NOT NULL,
  before_ore BIGINT NOT NULL,
  limit_ore BIGINT NOT NULL,
  reached UUID,
  citizens INTEGER NOT NULL DEFAULT 0,
  started_at TIMESTAMPTZ NOT NULL,
  finished_at TIMESTAMPTZ
);
COMMENT ON COLUMN cap_sweeps.reached IS 'the last citizen that has their entry, in order of ids';

-- Whatever is repeated, a citizen gets one entry of a rule.
CREATE UNIQUE INDEX journal_one_entry_per_cap ON journal (citizen_id, source_id)
WHERE source_type = 'annual-cap-set';

GRANT SELECT, INSERT, UPDATE ON cap_sweeps TO allowance_app;
GRANT SELECT ON cap_sweeps TO allowance_auditor;
