"""A student's terminal as a client of the service: signs in, hands in, follows, reads the result.

It needs nothing of the service but its API, and nothing that the service needs to run.
"""
