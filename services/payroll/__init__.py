"""Payroll: who works where, and what was paid.

Owns the employments and the wages; a reference, an employer's name or a reason never leaves it.
In: HTTP, files and frikort-grants, from which alone it knows whose a card is. Out:
frikort-payroll. Invariants: a wage that was paid is recorded, whatever of it will be covered;
a reference is used once; a wage is reversed once; every event says how far that citizen's
grants had been read (`grants_version`), and that never falls along a stream.
"""

CHASSIS_PARTS = ("event_store", "commands", "imports", "inbox")
