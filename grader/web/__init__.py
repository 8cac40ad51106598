"""What is served over HTTP: the API, and later the pages. FastAPI appears here and nowhere else."""
