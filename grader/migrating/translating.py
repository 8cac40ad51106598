"""A test that ran among the student's variables, as one that asks for them from outside.

Names that are the notebook's become attributes of the proxy `student`; what the notebook imported
is imported by the test file; everything else stays as it was written.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count

from grader.migrating.model import Untranslatable
from grader.migrating.scopes import Use, uses
from grader.migrating.surroundings import BUILTINS, Surroundings
from grader.notebooks.names import python_source

HELPERS = frozenset({"expecting", "show", "credit", "given", "environment"})
_HELPERS_MODULE = "workers.tests_runner.imported"
_NOSE = re.compile(r"from nose\.tools import (?=\w)")  # nose is gone: it has a stand-in
_PROXIES = ("student", "submission", "handed_in")
_PLAIN = frozenset({"session"})  # attributes of the proxy itself

# What a test outside can't do, and why.
_BLOCKED = {
    **dict.fromkeys(("get_ipython", "In", "Out"), "it asks IPython about the student's notebook"),
    **dict.fromkeys(("globals", "locals", "vars", "dir"), "it looks through the student's names"),
    **dict.fromkeys(("exec", "eval", "compile", "__import__"), "it runs code from a text"),
    **dict.fromkeys(
        ("open", "os", "pathlib", "Path", "shutil", "glob", "tempfile"),
        "it uses files, which lie beside the student's code and not beside the test",
    ),
    **dict.fromkeys(
        ("redirect_stdout", "redirect_stderr", "capture_output"),
        "what the student's code prints stays in its own process",
    ),
    "inspect": "it reads the student's source code (a check of kind `source` can)",
    "subprocess": "it starts the student's program",
    "input": "it reads what somebody types",
    "__file__": "it asks where it lies itself",
}
# The same of what belongs to a module, by the module and by name.
_STREAMS = {
    ("sys", "stdout"): _BLOCKED["redirect_stdout"],
    ("sys", "stdin"): _BLOCKED["input"],
    ("contextlib", "redirect_stdout"): _BLOCKED["redirect_stdout"],
    ("contextlib", "redirect_stderr"): _BLOCKED["redirect_stdout"],
    ("builtins", "print"): _BLOCKED["redirect_stdout"],
    ("builtins", "input"): _BLOCKED["input"],
}


@dataclass(frozen=True)
class Translated:
    """Statements of a function's body, and the import statements that its file needs."""

    body: str
    imports: tuple[str, ...]


def refuse_blocked(names: Iterable[str]) -> None:
    """Raise Untranslatable for what no test can do from outside."""
    for name in names:
        if name in _BLOCKED:
            raise Untranslatable(f"`{name}`: {_BLOCKED[name]}")


def refuse_streams(tree: ast.AST) -> None:
    """Raise Untranslatable where code puts something in the place of what is printed or typed."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=module), attr=name):
                found = (module, name)
            case ast.Constant(value=str(text)):  # patch("sys.stdout")
                found = (text.partition(".")[0], text.partition(".")[2])
            case _:
                continue
        if found in _STREAMS:
            raise Untranslatable(f"`{'.'.join(found)}`: {_STREAMS[found]}")


def translated(
    source: str,
    around: Surroundings,
    proxy: str = "student",
    own: frozenset[str] = frozenset(),
) -> Translated:
    """The code of a test, asking `proxy` for what is the student's.

    `own` are names that its file has anyway. Raises Untranslatable.
    """
    tree = _tree(source)
    found = uses(tree)
    if any(isinstance(node, ast.Global | ast.Nonlocal) for node in ast.walk(tree)):
        raise Untranslatable("it declares global names")
    if any(isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith) for node in ast.walk(tree)):
        raise Untranslatable("it awaits something")
    refuse_blocked(_imported_modules(tree))
    refuse_streams(tree)
    taken = sorted(HELPERS & around.students & {one.name for one in found})
    if taken:
        raise Untranslatable(f"`{taken[0]}` of the submission is called as a helper of tests is")
    binds = {one.name for one in found if one.context in ("store", "declare")}
    theirs = {name for name in binds if _is_theirs(name, found, around)}
    for name in theirs:
        if any(one.name == name and one.context == "declare" for one in found):
            raise Untranslatable(f"it defines `{name}` anew, which the submission uses")
    wanted = {one.name for one in found if one.context in ("load", "delete")} - binds - own
    # A name of the test's own that is read before it is bound was left by an earlier test.
    wanted |= {name for name in binds - theirs if _read_first(name, found)}
    prelude, left = around.prelude(sorted(wanted))
    needed = {name for line in prelude for name in _names(line)} - left
    imports = sorted(
        {around.imports[name] for name in (wanted | needed) - left if name in around.imports}
    )
    known = left | own | HELPERS | set(around.imports)
    asked = {
        name for name in wanted - binds - known if name in around.students or name not in BUILTINS
    }
    _refuse_stars(tree, asked, around)
    refuse_blocked((wanted - asked) | (needed & set(_BLOCKED)))
    refuse_blocked(asked - around.students)
    lines = [_rewritten(line, theirs | _asked(line, around, left | own), proxy) for line in prelude]
    body = _NOSE.sub(
        f"from {_HELPERS_MODULE} import ", _rewritten(source, theirs | asked, proxy, tree)
    )
    hoisted = tuple(_NOSE.sub(f"from {_HELPERS_MODULE} import ", line) for line in imports)
    return Translated("\n".join([*lines, _without_docstring(body)]), hoisted)


def _refuse_stars(tree: ast.AST, asked: set[str], around: Surroundings) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and any(one.name == "*" for one in node.names):
            raise Untranslatable(f"`{ast.unparse(node)}` does not say which names it means")
    unknown = sorted(asked - around.students)
    if unknown and around.stars:
        raise Untranslatable(f"`{unknown[0]}` comes from somewhere like `{around.stars[0]}`")


def _asked(line: str, around: Surroundings, known: Iterable[str]) -> set[str]:
    names = _names(line) - set(known) - set(around.imports)
    return {name for name in names if name in around.students or name not in BUILTINS}


def _names(source: str) -> set[str]:
    tree = ast.parse(source)
    found = uses(tree)
    binds = {one.name for one in found if one.context in ("store", "declare")}
    return {one.name for one in found if one.context == "load"} - binds


def _tree(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        if python_source(source) is not None:
            raise Untranslatable("it has magics or shell commands") from None
        raise Untranslatable("it is no Python that parses") from None


def _imported_modules(tree: ast.AST) -> Iterable[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name.partition(".")[0] for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def _is_theirs(name: str, found: Sequence[Use], around: Surroundings) -> bool:
    """Whether a name that the test binds is the notebook's, and not the test's own."""
    if name not in around.students:
        return False
    if any(one.name == name and one.context == "delete" for one in found):
        return True
    return name in around.read or name in around.defined or _read_first(name, found)


def _read_first(name: str, found: Sequence[Use]) -> bool:
    at_top = [one for one in found if one.name == name and not one.inside]
    return bool(at_top) and at_top[0].context in ("load", "delete")


def _rewritten(
    source: str, names: Iterable[str], proxy: str, tree: ast.Module | None = None
) -> str:
    """The source with `names` looked up in the proxy; comments and layout stay where they can."""
    names = set(names)
    tree = tree or ast.parse(source)
    hits = [one for one in uses(tree) if one.name in names and one.node is not None]
    if any(one.formatted for one in hits):
        for one in hits:
            assert one.node is not None
            one.node.id = proxied(one.name, proxy)
        return ast.unparse(tree)
    lines = [line.encode() for line in source.split("\n")]
    nodes = {(one.node.lineno, one.node.col_offset): one.node for one in hits if one.node}
    for (line, column), node in sorted(nodes.items(), reverse=True):
        text = lines[line - 1]
        after = text[column + len(node.id.encode()) :]
        lines[line - 1] = text[:column] + proxied(node.id, proxy).encode() + after
    return b"\n".join(lines).decode()


def proxied(name: str, proxy: str) -> str:
    """How a test reads a name of the submission."""
    plain = not name.startswith("_") and name not in _PLAIN
    return f"{proxy}.{name}" if plain else f'{proxy}["{name}"]'


def _without_docstring(body: str) -> str:
    """A test's docstring stands above its body already."""
    tree = ast.parse(body)
    if ast.get_docstring(tree) is None or not tree.body[0].end_lineno:
        return body
    return "\n".join(body.split("\n")[tree.body[0].end_lineno :])


def proxy_name(source: str) -> str:
    """`student`, where the test does not use that name itself; a name of its own in any case."""
    free = (name for name in _PROXIES if name not in source)
    return next(free, "") or next(name for at in count() if (name := f"asked_{at}") not in source)


def indented(source: str, by: str = "    ") -> str:
    """The code one level deeper; lines inside texts of several lines stay as they are."""
    tree = ast.parse(source)
    inside: set[int] = set()
    for node in ast.walk(tree):
        text = isinstance(node, ast.JoinedStr) or (
            isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
        )
        if text and node.end_lineno is not None:  # type: ignore[attr-defined]
            inside |= set(range(node.lineno + 1, node.end_lineno + 1))  # type: ignore[attr-defined]
    return "\n".join(
        line if at in inside or not line.strip() else by + line
        for at, line in enumerate(source.split("\n"), 1)
    )
