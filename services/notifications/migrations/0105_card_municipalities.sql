-- Whose card is which municipality's: a reader is shown the texts of their own alone.
CREATE TABLE card_municipalities (
  card_no TEXT NOT NULL,
  version INTEGER NOT NULL,
  municipality_code TEXT NOT NULL,
  effective_on DATE,
  PRIMARY KEY (card_no, version)
);
COMMENT ON TABLE card_municipalities
  IS 'from grant-issued and grant-transferred; a card heard of before this table is in no municipality''s sight';
COMMENT ON COLUMN card_municipalities.version IS 'of the citizen at grants';
COMMENT ON COLUMN card_municipalities.effective_on
  IS 'from when a transfer counts; NULL of the one that granted the card';
GRANT SELECT, INSERT ON card_municipalities TO notifications_app;
