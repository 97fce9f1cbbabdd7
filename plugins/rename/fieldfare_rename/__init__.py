"""Rename fields in the index and in every document, hash or JSON."""
