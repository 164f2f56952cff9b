"""The frikort command: HTTP and contracts only."""
