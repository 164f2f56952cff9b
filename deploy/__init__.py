"""How the system is run: locally, in containers, and the demo."""
