"""Submissions as files: reading them, finding names in them, writing them executed."""
