"""The worker as a service: takes what the database says is next, judges it, writes what came out.

Slots are threads: what they judge runs in sandboxes, which are processes of their own.
"""
