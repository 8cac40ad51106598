"""An autograder for Gradescope, as a zip: a bundle, our own code, and the two scripts it asks for.

The zip carries the sources and installs them on Gradescope's image with the versions of
constraints.txt; nothing is built here.
"""

from __future__ import annotations

import json
import shlex
import stat
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from grader.bundlefiles import regular_files
from grader.domain.rubric import Bundle
from grader.errors import BadInput

_CHECKOUT = Path(__file__).parents[2]
_SAME_TIME = (2020, 1, 1, 0, 0, 0)
# Rooms of the service that grading has no use for.
_LEFT_OUT = frozenset(
    {
        "broker",
        "client",
        "db",
        "lms",
        "migrating",
        "serving",
        "services",
        "similarity",
        "storage",
        "web",
    }
)

_SETUP = """\
#!/usr/bin/env bash
# Gradescope runs this once, as root, when the autograder is uploaded.
set -euo pipefail
top="${CHAINRULE_AUTOGRADER:-/autograder}"
source="$top/source"

python=python3
if ! python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    python=python3.11
    apt-get update -qq
    apt-get install -y -qq python3.11
fi
if ! "$python" -c 'import ensurepip' 2> /dev/null; then
    apt-get update -qq
    apt-get install -y -qq "$(basename "$(readlink -f "$(command -v "$python")")")-venv"
fi

"$python" -m venv "$top/venv"
pip=("$top/venv/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir)
"${pip[@]}" TORCH
"${pip[@]}" -c "$source/chainrule/constraints.txt" "$source/chainrule[runtime,worker]"
# The bundle holds the solution: nobody but root reads it.
chmod -R go-rwx "$source/bundle"
"""

_RUN = """\
#!/usr/bin/env bash
# Gradescope runs this for every submission.
set -eu
top="${CHAINRULE_AUTOGRADER:-/autograder}"
# Layers of the sandbox that may be missing here, by name and separated by commas. Only staff see
# which are: in the output of a run, and in a hidden test of its results.
export CHAINRULE_ACCEPT_MISSING="${CHAINRULE_ACCEPT_MISSING-ACCEPTED}"
cd "$top/source"
exec "${CHAINRULE_PYTHON:-$top/venv/bin/python}" -m workers.gradescope
"""


def write_autograder(
    bundle: Bundle,
    out: Path,
    *,
    accepted: Iterable[str] = (),
    leaderboard: bool = False,
    torch_index: str | None = None,
) -> int:
    """Write the zip and return how many bytes it has.

    `torch_index` is the address of an index with builds of torch for the CPU alone; without one
    the machine gets what its own index has. Raises BadInput for what is no address, and outside a
    checkout.
    """
    if bundle.rubric.runtime.gpu:
        raise BadInput("the rubric asks for a GPU, and Gradescope has none")
    if bundle.rubric.runtime.python is not None:
        raise BadInput("the rubric names an interpreter (runtime.python): it is not on Gradescope")
    setup = _SETUP.replace("TORCH", _torch(torch_index))
    settings = {"slug": bundle.rubric.slug, "leaderboard": leaderboard}
    run = _RUN.replace("ACCEPTED", ",".join(sorted(accepted)))
    try:
        with out.open("xb") as file:
            try:
                with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                    _add(archive, "setup.sh", setup.encode(), runs=True)
                    _add(archive, "run_autograder", run.encode(), runs=True)
                    _add(archive, "settings.json", json.dumps(settings).encode())
                    for name, data in (*_sources(), *_bundle(bundle)):
                        _add(archive, name, data)
            except BaseException:
                out.unlink(missing_ok=True)
                raise
    except FileExistsError:
        raise BadInput(f"there is {out} already: remove it, or choose another by --out") from None
    except OSError as error:
        raise BadInput(f"{out} cannot be written: {error.strerror}") from None
    return out.stat().st_size


def _torch(index: str | None) -> str:
    """What pip is told: those for the CPU need nothing of what is published for the others."""
    torch = _pinned("torch")
    if index is None:
        return torch
    if not index.startswith("https://") or not index.isprintable():
        raise BadInput("--torch-index is no address that begins with https://")
    return f"--no-deps --index-url {shlex.quote(index)} {torch}"


def _pinned(name: str) -> str:
    path = _CHECKOUT / "constraints.txt"
    if not path.is_file() or not (_CHECKOUT / "pyproject.toml").is_file():
        raise BadInput("an autograder is made in a checkout: there are no sources to take along")
    lines = path.read_text("utf-8").splitlines()
    return next(line for line in lines if line.startswith(f"{name}=="))


def _sources() -> Iterator[tuple[str, bytes]]:
    for name in ("pyproject.toml", "constraints.txt", "README.md"):
        yield f"chainrule/{name}", (_CHECKOUT / name).read_bytes()
    for package in ("grader", "workers"):
        for path in regular_files(_CHECKOUT / package):
            parts = path.relative_to(_CHECKOUT).parts
            if "__pycache__" not in parts and parts[1] not in _LEFT_OUT:
                yield f"chainrule/{'/'.join(parts)}", path.read_bytes()


def _bundle(bundle: Bundle) -> Iterator[tuple[str, bytes]]:
    slug = bundle.rubric.slug
    root = bundle.folder.parent.parent
    for room in ("rubrics", "reference"):
        for path in regular_files(root / room / slug):
            if "__pycache__" not in path.parts:
                yield f"bundle/{path.relative_to(root).as_posix()}", path.read_bytes()


def _add(archive: zipfile.ZipFile, name: str, data: bytes, *, runs: bool = False) -> None:
    info = zipfile.ZipInfo(name, _SAME_TIME)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = (stat.S_IFREG | (0o755 if runs else 0o644)) << 16
    archive.writestr(info, data)
