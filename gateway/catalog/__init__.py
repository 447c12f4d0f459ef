"""Connector documents: load, normalise, describe, search."""
