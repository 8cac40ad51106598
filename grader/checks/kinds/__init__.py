"""What a rubric can ask for: one module for each kind of check."""
