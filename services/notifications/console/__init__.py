"""The texts of a card as auditors and caseworkers see them, in a browser. It only reads.

The ledger's console links here: it knows nothing of texts, and no service asks another
(docs/decisions/0015-texts-in-the-console.md).
"""
