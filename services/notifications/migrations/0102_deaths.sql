-- Nobody is texted at the number of somebody who has died.
ALTER TABLE cards ADD COLUMN deceased BOOLEAN NOT NULL DEFAULT FALSE;
COMMENT ON COLUMN cards.deceased
  IS 'its holder has died; a card granted later, because that was a mistake, is not marked';
GRANT UPDATE (deceased) ON cards TO notifications_app;
