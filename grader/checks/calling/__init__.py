"""Calling functions: the inputs of a call, the question, and what came back."""
