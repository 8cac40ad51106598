"""The worker's end of a sandbox."""
