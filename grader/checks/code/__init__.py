"""What code says before it runs: names, scopes, and what a function reaches."""
