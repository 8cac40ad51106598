"""What code can be told to use or not to use, and by which spellings it is recognised."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Literal

from grader.checks.code.closure import Reference, Seen

Capability = Literal[
    "autograd",
    "optimizer",
    "nn_modules",
    "builtin_loss",
    "builtin_softmax",
    "loops",
    "einsum",
    "products",
    "reductions",
]


@dataclass(frozen=True)
class _Spellings:
    """`qualified` are patterns for names with their modules, as in torch.optim.SGD.

    `attributes` are those of any object; `syntax` are kinds of statements and expressions, and
    `operators` those of operations.
    """

    words: str
    qualified: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    syntax: tuple[type[ast.AST], ...] = ()
    operators: tuple[type[ast.operator], ...] = ()


_PRODUCTS = "dot|inner|vdot|vecdot|mv|mm|bmm|matmul|addmv|addmm|baddbmm|tensordot|einsum|multi_dot"
_REDUCTIONS = "sum|nansum|cumsum|mean|nanmean|prod|max|min|amax|amin|argmax|argmin|norm|trace"
_TRANSFORMS = "(grad|grad_and_value|vjp|jvp|jacrev|jacfwd|hessian|linearize)"
# Kernels of the backward pass, as torch.ops.aten.sigmoid_backward or torch._softmax_backward_data:
# only where torch keeps its own, since students write a relu_backward themselves. Of torch itself
# by what it has: after `from torch import *` any name may be one of its.
_KERNELS = (
    r"(ops\.aten\.|_\w+\.(\w+\.)*)(\w*_)?backward([._](?s:.*))?"
    r"|_\w+_backward_data|batch_norm_backward_(elemt|reduce)|mkldnn_linear_backward_weights"
)
_TABLE: dict[Capability, _Spellings] = {
    "autograd": _Spellings(
        "autograd",
        qualified=(
            r"torch\.autograd",
            r"torch\.autograd\.(grad|backward|gradcheck|gradgradcheck)",
            r"torch\.autograd\.(functional|forward_ad|variable)(\..*)?",
            r"torch\.autograd\.Variable\._execution_engine(\..*)?",
            rf"torch\.func\.{_TRANSFORMS}",
            rf"functorch\.{_TRANSFORMS}",
            r"torch\._functorch(\..*)?",
            r"torch\._C\._(EngineBase|ImperativeEngine|autograd)(\..*)?",
            r"torch\.Tensor\.(backward|grad)",
            r"torch\.func",
            rf"torch\.({_KERNELS})",
            r"torch\.nn\.grad\..*",
            r"(autograd|jax)(\..*)?",
        ),
        attributes=("backward", "grad", "grad_fn"),
    ),
    "optimizer": _Spellings("an optimizer", qualified=(r"torch\.optim(\..*)?",)),
    "nn_modules": _Spellings(
        "ready-made layers",
        qualified=(
            r"torch\.nn\.(modules\.\w+\.)?(?!Module\b|Parameter|ModuleList\b|ModuleDict\b)[A-Z]\w*",
        ),
    ),
    "builtin_loss": _Spellings(
        "a built-in loss",
        qualified=(
            r"torch\.nn\.(modules\.loss\.)?\w*Loss",
            r"torch\.nn\.functional\.(\w+_loss|kl_div)",
            r"torch\.nn\.functional\.(binary_)?cross_entropy(_with_logits)?",
        ),
    ),
    "builtin_softmax": _Spellings(
        "a ready-made softmax",
        qualified=(
            r"torch\.(nn\.functional\.|special\.)?(log_)?softmax",
            r"torch\.nn\.functional\.(softmin|gumbel_softmax)",
            r"torch\.nn\.(modules\.activation\.)?(LogSoftmax|Softmax|Softmin)(2d)?",
            r"torch\.Tensor\.(log_)?softmax",
            r"scipy\.special\.(log_)?softmax",
        ),
        attributes=("softmax", "log_softmax"),
    ),
    "loops": _Spellings(
        "a loop",
        syntax=(
            ast.For,
            ast.AsyncFor,
            ast.While,
            ast.ListComp,
            ast.SetComp,
            ast.DictComp,
            ast.GeneratorExp,
        ),
    ),
    "einsum": _Spellings("einsum", qualified=(r"(torch|numpy)\.einsum",), attributes=("einsum",)),
    "products": _Spellings(
        "a ready-made product",
        qualified=(
            rf"(torch|numpy)\.(linalg\.|Tensor\.)?({_PRODUCTS})",
            r"torch\.nn\.(functional\.)?(bi)?linear",
            r"torch\.nn\.(modules\.linear\.)?(Bil|L)inear",
            r"(operator|math)\.(matmul|sumprod)",
        ),
        attributes=tuple(_PRODUCTS.split("|")),
        operators=(ast.MatMult,),
    ),
    "reductions": _Spellings(
        "a ready-made sum, mean or the like",
        qualified=(rf"(torch|numpy)\.(linalg\.|Tensor\.)?({_REDUCTIONS})",),
        attributes=tuple(_REDUCTIONS.split("|")),
    ),
}


@dataclass(frozen=True)
class Use:
    """One place where a capability is used: the code cell, and the node in its tree."""

    cell: int
    node: ast.AST

    @property
    def line(self) -> int:
        """The line in the cell."""
        return int(getattr(self.node, "lineno", 0))


def in_words(capability: Capability) -> str:
    """The capability's name for a message."""
    return _TABLE[capability].words


def uses(capability: Capability, seen: Seen) -> list[Use]:
    """Where the code that was seen uses a capability, in its order."""
    spellings = _TABLE[capability]
    found = [
        Use(one.cell, one.node)
        for one in seen.references
        if _matches(spellings, one) and not _own(one, seen)
    ]
    found += [Use(cell, node) for cell, node in seen.syntax if _written(spellings, node)]
    return sorted(found, key=lambda use: (use.cell, use.line))


def undecided(capability: Capability, seen: Seen) -> list[Use]:
    """Places that may use a capability, which only running the code tells.

    Code and names made at run time, and attributes that may be the submission's own.
    """
    own = [
        Use(one.cell, one.node)
        for one in seen.references
        if _matches(_TABLE[capability], one) and _own(one, seen)
    ]
    return [Use(cell, node) for cell, node in seen.dynamic] + own


def _written(spellings: _Spellings, node: ast.AST) -> bool:
    operator = getattr(node, "op", None)
    return isinstance(node, spellings.syntax) or isinstance(operator, spellings.operators)


def _matches(spellings: _Spellings, reference: Reference) -> bool:
    if reference.qualified:
        return any(
            re.fullmatch(pattern, name)
            for pattern in spellings.qualified
            for name in reference.qualified
        )
    return reference.attribute in spellings.attributes


def _own(reference: Reference, seen: Seen) -> bool:
    """Whether an attribute may be a method that the submission defines, or a value it stores."""
    return not reference.qualified and reference.attribute in seen.own_attributes
