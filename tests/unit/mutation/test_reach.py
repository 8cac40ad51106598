"""Which code matters to which check is found by names."""

from __future__ import annotations

from grader.checks.calling.inputs import Draw
from grader.checks.kinds.forward import ForwardSpec
from grader.checks.kinds.source import SourceSpec
from grader.checks.kinds.tensor import TensorSpec
from grader.checks.kinds.training import Data, Threshold, TrainingSpec
from grader.domain.rubric import CheckSpec, Exercise, Rubric
from grader.notebooks.read import parse
from workers.mutation.reach import Reached, reached_by

SCRIPT = b"""\
import torch
W = torch.zeros(3)
scale = make_scale()

def make_scale():
    return 2

def helper(x):
    return x * scale

def forward(x):
    return helper(x) @ W

def unrelated(x):
    return x

rows = W.reshape(3, 1)
print(forward(W))
"""


def rubric(*checks: CheckSpec) -> Rubric:
    return Rubric(slug="a", title="A", exercises=(Exercise(id="ex", title="E", checks=checks),))


def reached(check: CheckSpec, source: bytes = SCRIPT, *, surely: bool = True) -> Reached:
    return reached_by(rubric(check), parse("a.py", source).cells, surely=surely)[f"ex/{check.id}"]


def definitions(found: Reached) -> set[str]:
    return {name for _, name in found.definitions}


def test_a_function_reaches_what_it_is_made_of() -> None:
    found = reached(ForwardSpec(id="a", function="forward"))

    assert definitions(found) == {"forward", "helper", "make_scale"}


def test_a_check_of_a_function_is_told_from_one_of_a_value() -> None:
    assert reached(ForwardSpec(id="a", function="forward")).calls
    assert not reached(TensorSpec(id="a", name="W", shape=(3,))).calls


def test_what_the_grader_binds_is_not_followed() -> None:
    cells = parse("a.py", SCRIPT).cells
    weight = next(at for at, cell in enumerate(cells) if cell.source.startswith("W ="))
    free = reached(ForwardSpec(id="a", function="forward"))
    bound = reached(
        ForwardSpec(id="a", function="forward", inputs={"W": Draw(normal=(3,))}, cases=({},))
    )

    assert weight in free.cells
    assert weight not in bound.cells


def test_a_dependency_lends_its_reach() -> None:
    gate = SourceSpec(id="gate", function="unrelated", forbid=("loops",))
    check = ForwardSpec(id="a", function="forward", depends_on=("gate",))
    found = reached_by(rubric(gate, check), parse("a.py", SCRIPT).cells, surely=True)

    assert "unrelated" in definitions(found["ex/a"])
    assert "forward" not in definitions(found["ex/gate"])


TRAINING = b"""\
model = Net()
optimizer = SGD(model.parameters(), lr=0.1)
loss = fit(model, optimizer)
shown = model.name.upper()

def fit(model, optimizer):
    optimizer.step()

class Net:
    pass
"""


def test_a_value_reaches_what_changes_it() -> None:
    check = TrainingSpec(
        id="a",
        model="model",
        data=Data(inputs="X", targets="Y"),
        architecture="Net",
        loss="mean_squared_error",
        thresholds=(Threshold(below=1, fraction=1),),
    )
    cells = parse("a.py", TRAINING).cells
    at = {cell.source.split(" ")[0]: number for number, cell in enumerate(cells)}
    surely, maybe = reached(check, TRAINING), reached(check, TRAINING, surely=False)

    assert {at["model"], at["optimizer"], at["loss"]} <= surely.cells
    assert at["shown"] not in surely.cells
    assert at["shown"] in maybe.cells
    assert definitions(surely) == {"fit", "Net"}
