"""Trained models: finding them, asking them, and telling training from pasting."""
