"""Speed and memory, as medians and ratios within one run: `make bench`."""
