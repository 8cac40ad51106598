"""Mutants of a right submission: small mistakes made on purpose, which a rubric has to notice.

Pure functions of text and Python's ast; nothing of a mutant runs here.
"""
