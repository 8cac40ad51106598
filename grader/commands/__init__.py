"""Commands of `chainrule` that run the service, or hand in to one; found by entry point.

A command's module is imported for `chainrule --help` too: what takes long to import, it imports
when it runs.
"""
