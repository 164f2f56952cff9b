"""The console: the ledger as auditors and caseworkers see it, in a browser. It only reads.

…_routes: parse, record who asks, read, show. reading: what the pages need beside what the ledger
already answers. admission: which cards a municipality's reader may see. views and picture: pure,
from rows to what a template shows. packs: audit packs that lie ready, as they are handed over.
"""
