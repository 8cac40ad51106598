"""Redis as the broker: messages that say that there is work, and how far a run has come.

Nothing here is the truth: everything may be lost, doubled or late, and only time is lost with it.
"""
