"""The published language: envelope, topics and one module per owning service."""

__version__ = "0.1.0"
