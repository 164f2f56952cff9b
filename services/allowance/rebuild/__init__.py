"""Rebuild: the read models folded anew from the journal, compared, and switched to, while in use.

`python -m services.allowance.rebuild [--dry-run]`, as the database's owner. It reads the journal
and what is held, writes the read models alone, knows no topic, and sends nothing.
See docs/decisions/0016-rebuild.md.
"""
