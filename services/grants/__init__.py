"""Grants: who holds a social free card, and what the municipality decided about it.

Owns the citizens' identities (a CPR number never leaves it), the cards and their life.
In: HTTP and files. Out: frikort-grants, one event per decision. Invariants: one live card per
citizen; a card number is unique in the installation; no decision works backwards.
"""

CHASSIS_PARTS = ("event_store", "commands", "imports")
