"""Clients of the API: the terminal of students, and one that is generated from its document."""
