"""Plain wages posted and told in bulk, compiled: messages in, rows of the journal and records out.

`writing` writes bytes, `payload` puts a payload into its one form, `messages` reads a message,
`entries` writes an entry and its row, `wages` decides; `telling` says what an entry's events say.
"""
