"""Proof and replay in bulk, compiled for this machine: both read what COPY sends, in place.

On top of `services/chassis/compiled`, which reads and hashes bytes. `form` says how an entry is
written; `entries`, `years`, `sweeps` and `chains` prove; `reading`, `book`, `cards`, `deciding`,
`cases`, `sends` and `replaying` replay.
"""
