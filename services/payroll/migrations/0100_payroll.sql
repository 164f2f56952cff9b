-- Employments and wages by their reference. References are free text, and an employer may well
-- write a name or a CPR number into one: so they are found again by a keyed HMAC, as a CPR
-- number is in grants, and stand readable only in the sealed part of the event they came with.

CREATE TABLE employments (
  ref_index BYTEA PRIMARY KEY,
  employment_id UUID NOT NULL UNIQUE,
  citizen_id UUID NOT NULL
);

CREATE TABLE wages (
  ref_index BYTEA PRIMARY KEY,
  wage_id UUID NOT NULL UNIQUE,
  citizen_id UUID NOT NULL
);

-- What frikort-grants has told: whose a card is, and who is responsible for the citizen.
CREATE TABLE citizens (
  citizen_id UUID PRIMARY KEY,
  grants_version INTEGER NOT NULL,
  municipality_code TEXT
) WITH (fillfactor = 70);
COMMENT ON COLUMN citizens.grants_version IS 'the version of the last grants event applied here';

CREATE TABLE cards (
  card_no TEXT PRIMARY KEY,
  citizen_id UUID NOT NULL REFERENCES citizens,
  valid_from DATE NOT NULL
);

-- Serves warnings only; what a wage is covered by is the ledger's to decide.
CREATE TABLE card_changes (
  citizen_id UUID NOT NULL REFERENCES citizens,
  grants_version INTEGER NOT NULL,
  card_no TEXT NOT NULL,
  effective_on DATE NOT NULL,
  active BOOLEAN NOT NULL,
  PRIMARY KEY (citizen_id, grants_version)
);
CREATE INDEX card_changes_by_card ON card_changes (card_no);

-- What the running role may do: history is inserted and read, never changed.
GRANT SELECT, INSERT ON events, commands, employments, wages TO payroll_app;
GRANT SELECT, INSERT, DELETE ON person_keys TO payroll_app;
GRANT SELECT, UPDATE ON outbox_partitions TO payroll_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON imports, import_rows, import_remarks TO payroll_app;
GRANT SELECT, INSERT, UPDATE ON inbox_positions, inbox_streams TO payroll_app;
GRANT SELECT, INSERT, DELETE ON held_messages TO payroll_app;
GRANT SELECT, INSERT, UPDATE ON citizens TO payroll_app;
GRANT SELECT, INSERT ON cards, card_changes TO payroll_app;
