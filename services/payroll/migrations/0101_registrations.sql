-- Wages that a list from Socialtfrikort.dk did not hold when it was compared. An observation of
-- one day, not a fact of the wage's history: it holds until a later confirmation or a later list.

CREATE TABLE missing_registrations (
  wage_id UUID PRIMARY KEY REFERENCES wages (wage_id),
  version INTEGER NOT NULL,
  missing_on DATE NOT NULL
);
COMMENT ON COLUMN missing_registrations.version IS
  'how far the citizen''s stream had come: what confirms the wage after that counts more';

GRANT SELECT, INSERT, UPDATE, DELETE ON missing_registrations TO payroll_app;
