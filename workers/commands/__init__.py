"""Commands of `chainrule` that need a worker's rooms; found by entry point.

A command's module is imported for `chainrule --help` too: what takes long to import, it imports
when it runs.
"""
