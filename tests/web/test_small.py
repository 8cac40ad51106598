"""How small a fresh web process is: nothing that judges, and nothing that runs student code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

START = """
import json, sys
from grader.services.site import open_site
from grader.config import load_settings
from grader.web.app import create_app

site = open_site(load_settings())
create_app(site).openapi()
names = sorted({name.partition(".")[0] for name in sys.modules})
status = open("/proc/self/status").read()
print(json.dumps([names, int(status.partition("VmHWM:")[2].split()[0])]))
"""
MOST_KIB = 150_000
HEAVY = {
    "alembic",
    "torch",
    "numpy",
    "pandas",
    "matplotlib",
    "IPython",
    "nbconvert",
    "boto3",
    "rich",
    "workers",
}


def test_a_web_process_is_small_and_loads_neither_torch_nor_the_workers(
    tmp_path: Path,
) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "CHAINRULE_DATA": str(tmp_path),
    }
    said = subprocess.run(
        [sys.executable, "-c", START], env=environment, capture_output=True, check=True, text=True
    )
    names, most_kib = json.loads(said.stdout)
    loaded = set(names)
    assert {"fastapi", "sqlalchemy", "grader"} <= loaded
    assert not loaded & HEAVY
    assert most_kib < MOST_KIB
