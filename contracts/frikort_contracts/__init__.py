"""The published language: envelope, topics and one module per owning service."""
