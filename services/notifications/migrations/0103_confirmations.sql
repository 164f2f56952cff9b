-- A number may be another's by now: at a review of the card it is to be confirmed (R40).
ALTER TABLE cards ADD COLUMN reviewed_on DATE;
COMMENT ON COLUMN cards.reviewed_on IS 'when the newest review of the card was decided';
GRANT UPDATE (reviewed_on) ON cards TO notifications_app;
ALTER TABLE contacts ADD COLUMN confirmed_at TIMESTAMPTZ;
COMMENT ON COLUMN contacts.confirmed_at
  IS 'when the number was last said to be the citizen''s still; a new number needs none';

-- What people may see of a contact. A number said on the day of the review is fresh: business
-- dates are Danish (R44). Nobody asks after the number of somebody who has died.
CREATE VIEW contact_states AS
SELECT
  contacts.card_no,
  CASE WHEN contacts.sealed IS NULL THEN 'deleted' ELSE 'known' END AS state,
  contacts.known_at,
  contacts.confirmed_at,
  contacts.failures,
  citizens.reviewed_on,
  contacts.sealed IS NOT NULL
  AND NOT coalesce(citizens.deceased, FALSE)
  AND coalesce(
    (greatest(contacts.known_at, contacts.confirmed_at) AT TIME ZONE 'Europe/Copenhagen')::DATE
    < citizens.reviewed_on,
    FALSE
  ) AS confirmation_due,
  NOT EXISTS (
    SELECT
    FROM cards AS other
    JOIN contacts AS newer USING (card_no)
    WHERE other.citizen_id = cards.citizen_id
      AND newer.sealed IS NOT NULL
      AND (newer.known_at, contacts.card_no) > (contacts.known_at, newer.card_no)
  ) AS is_texted
FROM contacts
LEFT JOIN cards USING (card_no)
LEFT JOIN LATERAL (
  SELECT max(theirs.reviewed_on) AS reviewed_on, bool_and(theirs.deceased) AS deceased
  FROM cards AS theirs
  WHERE theirs.citizen_id = cards.citizen_id
) AS citizens ON TRUE;
GRANT SELECT ON contact_states TO notifications_app;
