"""Arrays and numbers: comparing them, and what they are measured by."""
