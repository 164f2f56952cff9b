"""A municipality's history, generated from a seed."""
