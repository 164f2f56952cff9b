"""Allowance: the ledger. Apportions each wage, derives each balance, proves every figure.

Owns the journal (one entry per source event of a citizen, chained), the rules (caps by year)
and the balances derived from them, and the checkpoints signed over all of it. In:
frikort-grants, frikort-payroll, caps over HTTP. Out: frikort-allowance, frikort-balances,
frikort-rules, frikort-checkpoints. Invariants: covered + excess = amount; the sum covered in a
year never exceeds its cap; a wage is decided with exactly the grant state it names, whatever
else has come.
"""

CHASSIS_PARTS = ("commands", "inbox", "reads")
CODE_VERSION = "1"
"""The version of the deciding code; every entry bears it."""
