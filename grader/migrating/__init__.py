"""Assignments of other tools, read and turned into bundles; nothing of them is run here."""
