"""What runs submissions: the pipeline, the zygote and the sandbox."""
