-- Messages that no relay has numbered are accounted for too: produced is the highest number
-- seen and these.

ALTER TABLE inbox_positions ADD COLUMN unnumbered BIGINT NOT NULL DEFAULT 0;
COMMENT ON COLUMN inbox_positions.unnumbered IS 'messages taken that no relay has numbered';
