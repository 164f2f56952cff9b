-- Who a citizen is: found again by an HMAC of the CPR number, which itself is sealed in the
-- event that brought it. And whose a card number is: never reused.

CREATE TABLE citizens (
  cpr_index BYTEA PRIMARY KEY,
  citizen_id UUID NOT NULL UNIQUE
);

CREATE TABLE cards (
  card_no TEXT PRIMARY KEY,
  citizen_id UUID NOT NULL REFERENCES citizens (citizen_id)
);

-- What the running role may do: history is inserted and read, never changed.
GRANT SELECT, INSERT ON events, commands, citizens, cards TO grants_app;
GRANT SELECT, INSERT, DELETE ON person_keys TO grants_app;
GRANT SELECT, UPDATE ON outbox_partitions TO grants_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON imports, import_rows, import_remarks TO grants_app;
