-- What the pages about texts show is itself recorded (`reads`): append-only.

GRANT SELECT, INSERT ON reads TO notifications_app;
