-- What the console shows is itself recorded (`reads`): append-only, like the journal.

GRANT SELECT, INSERT ON reads TO allowance_app;
GRANT SELECT ON reads TO allowance_auditor;
