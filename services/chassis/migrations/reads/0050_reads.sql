-- Who was shown what: a row is written before a page is, and never changes. Which rights the
-- running role gets stands in the service's own migration: to insert and to select.

CREATE TABLE reads (
  read_no BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  read_at TIMESTAMPTZ NOT NULL,
  reader TEXT NOT NULL CHECK (length(reader) BETWEEN 1 AND 200),
  page TEXT NOT NULL CHECK (length(page) <= 100),
  card_no TEXT,
  question TEXT NOT NULL CHECK (length(question) <= 1000)
);
COMMENT ON COLUMN reads.reader IS 'as the reverse proxy names them';
COMMENT ON COLUMN reads.page IS 'the address''s template';
COMMENT ON COLUMN reads.question IS 'what of the address followed the question mark';
CREATE INDEX reads_by_card ON reads (card_no, read_no) WHERE card_no IS NOT NULL;
