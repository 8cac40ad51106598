"""Blobs by the hash of their content, in a folder."""
