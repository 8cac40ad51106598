"""What is served over HTTP. FastAPI appears here and nowhere else."""
