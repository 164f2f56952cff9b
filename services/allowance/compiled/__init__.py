"""Plain wages posted in bulk, compiled: messages in, rows of the journal out.

`writing` writes bytes, `payload` puts a payload into its one form, `messages` reads a message,
`entries` writes an entry and its row, `wages` decides.
"""
