"""Notifications: tells a citizen by text that something they should know has happened.

Owns the citizens' contacts (a phone number never leaves it except to the gateway) and the life
of every text. In: frikort-grants, frikort-allowance, contacts over HTTP and from files, the
gateway's delivery reports. Out: frikort-notifications, and texts over an SMS gateway.
Invariants: a text is sent once per fact, or not at all and visibly so, and never twice; no
replay sends anything; a text gives nothing away.
"""

CHASSIS_PARTS = ("event_store", "commands", "inbox", "imports", "reads")
