-- What deciding whether a person must look needs beside what deciding a wage does.

ALTER TABLE balances
  ADD COLUMN over_cap_ore BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN covered_to DATE;
COMMENT ON COLUMN balances.over_cap_ore IS 'what of the excess the cap alone left uncovered';
COMMENT ON COLUMN balances.covered_to IS 'the latest paid_on of a wage of which something is covered';

UPDATE balances AS b
SET
  over_cap_ore = w.over_cap_ore,
  covered_to = w.covered_to
FROM (
  SELECT
    citizen_id,
    year,
    coalesce(sum(excess_ore) FILTER (
      WHERE convert_from(bytes, 'UTF8')::JSONB #>> '{decision,reason}' = 'over-cap'
    ), 0) AS over_cap_ore,
    max(paid_on) FILTER (WHERE covered_ore > 0) AS covered_to
  FROM journal AS j
  WHERE source_type = 'wage-paid'
    AND NOT EXISTS (
      SELECT
      FROM journal AS r
      WHERE r.citizen_id = j.citizen_id
        AND r.wage_id = j.wage_id
        AND r.source_type = 'wage-reversed'
    )
  GROUP BY citizen_id, year
) AS w
WHERE b.citizen_id = w.citizen_id
  AND b.year = w.year;

ALTER TABLE employments ADD COLUMN citizen_id UUID;
UPDATE employments AS e
SET citizen_id = c.citizen_id
FROM cards AS c
WHERE c.card_no = e.card_no;
CREATE INDEX employments_by_citizen ON employments (citizen_id);
