"""Proof and replay in bulk, compiled for this machine: both read what COPY sends, in place.

Numba turns these modules into machine code the first time they run and keeps it beside them.
Written in the part of Python that it knows: no exceptions, no objects, numbers and arrays alone.

`jit`, `digests`, `text`, `times`, `members`, `copies` and `form` read bytes; `entries`, `years`,
`sweeps` and `chains` prove; `reading`, `book`, `cards`, `deciding`, `cases`, `sends` and
`replaying` replay.
"""
