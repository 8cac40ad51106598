"""Runs test files of instructors, in a process that never holds student code.

`client` is the worker's end. `host` is a warm process with pytest loaded, forked once for each run;
what comes out of it are questions to the sandboxes, and at the end the outcome of every test.
"""
