-- A number that texts do not reach again and again is given up until it is replaced (R40).
ALTER TABLE contacts ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
COMMENT ON COLUMN contacts.failures
  IS 'undeliverable texts in a row to this version of the contact';
ALTER TABLE texts ADD COLUMN contact_card_no TEXT;
ALTER TABLE texts ADD COLUMN contact_version INTEGER;
COMMENT ON COLUMN texts.contact_version IS 'the contact it was last submitted to';
