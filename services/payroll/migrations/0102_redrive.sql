-- A redrive notes how often a message was tried, and keeps since when it is held.

GRANT UPDATE (held_at, attempts) ON held_messages TO payroll_app;
