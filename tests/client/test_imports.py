"""What a student's machine needs to hand in: the package, and nothing of a service or a worker."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

SCRIPT = """
import importlib, pkgutil, sys
import grader.client
for one in pkgutil.iter_modules(grader.client.__path__, "grader.client."):
    importlib.import_module(one.name)
assert "grader.client.showing" in sys.modules
import grader.commands.login, grader.commands.submit, grader.config
service = "alembic argon2 celery fastapi jinja2 markdown_it nh3 openpyxl prometheus_client psycopg"
service += " rapidfuzz redis sqlalchemy starlette structlog uvicorn"
worker = "IPython httpx matplotlib numpy pandas pytest torch workers"
print(sorted({*service.split(), *worker.split()} & {one.partition(".")[0] for one in sys.modules}))
print(sorted(one for one in sys.modules if one.startswith(("grader.services", "grader.web"))))
"""


def test_handing_in_loads_nothing_of_the_service_nor_of_a_worker() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n[]\n"
