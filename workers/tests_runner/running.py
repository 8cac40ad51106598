"""One run of a test file with pytest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from workers.tests_runner.link import Link
from workers.tests_runner.plugin import Plugin

_DONE = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)


def run(
    folder: Path, files: Mapping[str, bytes], request: Mapping[str, Any], link: Link
) -> dict[str, Any]:
    """`{tests: [...], fault}`: the fields of RanTests as a wire value.

    `folder` is made; `files` are laid into it.
    """
    for path, data in files.items():
        place = folder / "files" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    settings = folder / "pytest.ini"  # or pytest looks for one in the folders above
    settings.write_text("[pytest]\n")
    plugin = Plugin(request, link, folder / "files")
    arguments = [
        *("-c", str(settings), "--rootdir", str(folder / "files"), "--basetemp", str(folder / "t")),
        *("-q", "--capture=no", "--import-mode=importlib", "--tb=no"),
        *("-p", "no:cacheprovider", "-p", "no:faulthandler"),
        *("-W", "error::pytest.PytestReturnNotNoneWarning"),  # "return a == b" always passes
        str(folder / "files" / request["file"]),
    ]
    status = pytest.main(arguments, plugins=[plugin])
    fault = plugin.fault
    if not fault and status not in _DONE:
        fault = f"pytest ended with {pytest.ExitCode(status).name.lower().replace('_', ' ')}"
    return {"tests": list(plugin.tests.values()), "fault": fault}
