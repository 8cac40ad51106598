"""What the probes for figures, tensors and training functions saw, read and put into words."""
