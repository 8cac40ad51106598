"""Answers in words: finding them in a submission and reading what people write."""
