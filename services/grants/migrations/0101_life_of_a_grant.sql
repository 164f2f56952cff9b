-- A citizen whose CPR number changes is found by the old one and the new one: so a citizen may
-- have several rows. The card's reference to the citizen goes with the uniqueness; the stream
-- is what a citizen is.
ALTER TABLE cards DROP CONSTRAINT cards_citizen_id_fkey;
ALTER TABLE citizens DROP CONSTRAINT citizens_citizen_id_key;

-- Applications by their reference: free text, so found by a keyed HMAC as a CPR number is.
CREATE TABLE applications (
  ref_index BYTEA PRIMARY KEY,
  application_id UUID NOT NULL UNIQUE,
  citizen_id UUID NOT NULL
);

GRANT SELECT, INSERT ON applications TO grants_app;
