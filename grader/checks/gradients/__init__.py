"""Derivatives: asking for them, following through, and the names of mistakes."""
