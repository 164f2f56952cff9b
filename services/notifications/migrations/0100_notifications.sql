-- Whose card is whose, from grant-issued.
CREATE TABLE cards (
  card_no TEXT PRIMARY KEY,
  citizen_id UUID NOT NULL
);
CREATE INDEX cards_by_citizen ON cards (citizen_id);

-- The contact of each card's holder; one may come before its card. A deleted contact leaves its
-- version and date behind, so that an older file does not bring it back.
CREATE TABLE contacts (
  card_no TEXT PRIMARY KEY,
  version INTEGER NOT NULL CHECK (version > 0),
  known_at TIMESTAMPTZ NOT NULL,
  statement_macs TEXT[] NOT NULL,
  sealed BYTEA
);
COMMENT ON COLUMN contacts.statement_macs
  IS 'keyed fingerprints of what was said at known_at, the last one counting: sent again it changes nothing';
COMMENT ON COLUMN contacts.sealed IS 'phone and language under the card''s key; NULL when deleted';

-- One key per card, made anew with every number: destroying it destroys the number at once.
CREATE TABLE contact_keys (
  card_no TEXT PRIMARY KEY,
  wrapped_key BYTEA NOT NULL
);

-- The texts: what is to be sent, what was claimed for sending, and how each one ended. The
-- events are the history; `submitting` is known here alone, and is committed before the call.
CREATE TABLE texts (
  notification_id UUID PRIMARY KEY,
  citizen_id UUID NOT NULL,
  cause_id UUID NOT NULL,
  template TEXT NOT NULL,
  template_version SMALLINT NOT NULL,
  card_no TEXT NOT NULL,
  state TEXT NOT NULL CHECK (
    state IN ('requested', 'submitting', 'submitted', 'delivered', 'failed', 'suppressed')
  ),
  reason TEXT,
  gateway TEXT,
  requested_at TIMESTAMPTZ NOT NULL,
  submitted_at TIMESTAMPTZ,
  settled_at TIMESTAMPTZ,
  due_at TIMESTAMPTZ NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  claimed_by TEXT,
  claimed_at TIMESTAMPTZ,
  UNIQUE (cause_id, template)
) WITH (fillfactor = 70);
CREATE INDEX texts_by_card ON texts (card_no, requested_at);
CREATE INDEX texts_due ON texts (due_at) WHERE state = 'requested';
CREATE INDEX texts_open ON texts (state) WHERE state IN ('requested', 'submitting', 'submitted');

-- What the running role may do: history is inserted and read, never changed.
GRANT SELECT, INSERT ON events, commands, cards TO notifications_app;
GRANT INSERT ON person_keys TO notifications_app;
GRANT SELECT, INSERT, UPDATE ON contacts, texts TO notifications_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON contact_keys TO notifications_app;
GRANT SELECT, UPDATE ON outbox_partitions TO notifications_app;
GRANT SELECT, INSERT, UPDATE ON inbox_positions, inbox_streams TO notifications_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON held_messages TO notifications_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON imports, import_rows, import_remarks TO notifications_app;
