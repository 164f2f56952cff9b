"""The proof in bulk, compiled for this machine: it reads what PostgreSQL's COPY sends, in place.

Numba turns these modules into machine code the first time they run and keeps it beside them.
Written in the part of Python that it knows: no exceptions, no objects, numbers and arrays alone.
"""
