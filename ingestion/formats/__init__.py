"""Readers of the files that channels send, one a format."""
