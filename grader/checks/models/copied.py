"""Whether a submission could have put weights into its model by another way than training.

Reading the code can't tell; running the training again under another seed can, since weights that
were put in come out the same. This says where that is worth its time: not for the plain loop that
nearly everybody writes.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from grader.checks.code.scopes import parsed

_WAYS = frozenset(
    {
        "Parameter",
        "__dict__",
        "__setattr__",
        "_parameters",
        "as_strided",
        "b64decode",
        "compile",
        "eval",
        "exec",
        "frombuffer",
        "fromstring",
        "load",
        "loads",
        "load_state_dict",
        "set_state_dict",
        "setattr",
        "storage",
        "unpack",
        "untyped_storage",
        "vector_to_parameters",
    }
)
_ATTRIBUTES = frozenset({"data"})  # as a name of its own it is what everybody calls a tensor
_PLAIN_IN_PLACE = frozenset({"requires_grad_", "zero_", "train_", "clip_grad_norm_"})
_MANY_NUMBERS = 10
_LONG = 80


def may_be_copied(code: Sequence[str | None], until: int) -> bool:
    """Whether the code cells up to `until` hold a way to set weights, or the weights themselves."""
    trees = (parsed(source) for source in code[: until + 1])
    return any(_sets_weights(node) for tree in trees if tree for node in ast.walk(tree))


def _sets_weights(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name) | ast.alias(name=name):
            return name in _WAYS or (isinstance(node, ast.Attribute) and _changes(name))
        case ast.Subscript(value=ast.Attribute(), ctx=ast.Store()):
            return True
        case ast.List() | ast.Tuple():
            return sum(_is_number(part) for part in ast.walk(node)) >= _MANY_NUMBERS
        case ast.Constant(value=bytes() as data):
            return len(data) > _LONG
        case ast.Constant(value=str() as text):
            return len(text) > _LONG and " " not in text  # prose has spaces, encoded data none
    return False


def _changes(attribute: str) -> bool:
    """Whether an attribute is one by which a tensor is changed in place."""
    in_place = attribute.endswith("_") and not attribute.startswith("_")
    return attribute in _ATTRIBUTES or (in_place and attribute not in _PLAIN_IN_PLACE)


def _is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, float)
