"""How compiled code reads and hashes bytes, and what COPY sends; it knows nothing of the ledger.

Numba turns the modules into machine code the first time they run and keeps it beside them. They
are written in the part of Python that it knows: no exceptions, no objects, numbers and arrays.
"""
