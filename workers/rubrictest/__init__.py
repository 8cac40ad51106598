"""Trying a rubric out: what a right submission, an untouched starter and mutants are given.

Everything goes through the ordinary pipeline.
"""
