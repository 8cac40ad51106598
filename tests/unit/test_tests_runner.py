"""Files of tests run with pytest, on submissions that are played by made-up namespaces."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
import torch

from grader.domain.evidence import Answer, AnswerStatus, Raised
from grader.domain.questions import Ask, RanTests, Replies, RunTests
from tests.unit.checks._play import cells_of
from workers.inside import wire
from workers.inside.describe import ROOM
from workers.inside.probes import answer
from workers.sandbox.evidence import answer_from_wire
from workers.tests_runner.client import TestFiles as Runner

REQUEST = RunTests(file="test_it.py", seed=5, cells=cells_of("x = 1"))
SECRET = "CHAINRULE_SECRET"


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    os.environ[SECRET] = "a password"
    made = Runner()
    try:
        yield made
    finally:
        made.close()
        del os.environ[SECRET]


Run = Callable[..., RanTests]


@pytest.fixture
def run(runner: Runner) -> Run:
    """Runs the source of a test file; names beside it are what the submission holds."""

    def runs(
        source: str,
        *,
        reference: dict[str, Any] | None = None,
        answers: Callable[[], Answer] | None = None,
        request: RunTests = REQUEST,
        files: dict[str, bytes] | None = None,
        **student: Any,
    ) -> RanTests:
        def played(probe: Any, namespace: dict[str, Any]) -> Answer:
            if answers is not None:
                return answers()
            evidence = answer("steps", probe.payload, dict(namespace), ROOM)
            entry = {"status": "answered", "evidence": wire.dumps(evidence), "detail": ""}
            return answer_from_wire(entry)

        def answering(ask: Ask) -> Replies:
            return Replies(
                tuple(played(one, student) for one in ask.student),
                tuple(played(one, reference or {}) for one in ask.reference),
            )

        held = {"test_it.py": dedent(source).encode(), **(files or {})}
        return runner.run(request, held, answering)

    return runs


def outcomes(ran: RanTests) -> dict[str, str]:
    assert not ran.fault, ran.fault
    return {one.name: one.outcome.value for one in ran.tests}


def only(ran: RanTests) -> tuple[str, str]:
    """Outcome and message of the one test."""
    assert not ran.fault, ran.fault
    [one] = ran.tests
    return one.outcome.value, one.message


# What tests see


def test_values_are_plain_python_and_numpy(run: Run) -> None:
    source = """
    import numpy as np

    def test_values(student):
        assert student.n == 3 and type(student.n) is int
        assert student.words == ["a", {"b": (1.5, None)}]
        assert student["words"][0] == "a"
        assert np.array_equal(student.W, [[1, 2]])
        assert student.W.shape == (1, 2)
    """
    W = torch.tensor([[1.0, 2.0]], requires_grad=True)
    assert only(run(source, n=3, words=["a", {"b": (1.5, None)}], W=W))[0] == "passed"


def test_of_a_tensor_more_is_known_than_its_values(run: Run) -> None:
    source = """
    import pytest

    def test_tensor(student):
        assert student.W.dtype_name == "bfloat16" and student.W.dtype == "float32"
        assert student.W.requires_grad and not student.W.has_graph
        assert (student.W.device, student.W.library) == ("cpu", "torch")
        assert student.W.layout == "strided"
        with pytest.raises(AttributeError, match="of the submission's own"):
            (student.W + 1).requires_grad
    """
    W = torch.zeros(2, dtype=torch.bfloat16, requires_grad=True)
    assert only(run(source, W=W))[0] == "passed"


class Counter:
    def __init__(self, start: int) -> None:
        self.count = start

    def up(self, by: int = 1) -> int:
        self.count += by
        return self.count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, at: int) -> int:
        if at >= self.count:
            raise IndexError(at)
        return at * at

    def __add__(self, other: Any) -> Counter:
        return Counter(self.count + (other.count if isinstance(other, Counter) else other))

    __radd__ = __add__

    def __eq__(self, other: object) -> bool:
        return True

    def __repr__(self) -> str:
        return "\x1b[31m" * 10**6


def test_objects_are_called_indexed_and_iterated_where_they_are(run: Run) -> None:
    source = """
    def test_object(student):
        counter = student.Counter(3)
        assert counter.up(by=2) == 5
        assert counter.count == 3, "each question begins anew"
        assert len(counter) == 3 and counter[2] == 4 and list(counter) == [0, 1, 4]
        assert student.total([counter, counter]) == 6
    """
    total = lambda counters: sum(one.count for one in counters)  # noqa: E731
    assert only(run(source, Counter=Counter, total=total)) == ("passed", "")


def test_changes_last_within_a_session(run: Run) -> None:
    source = """
    def test_session(student):
        session = student.session()
        session.step = 2
        counter = session.Counter(1)
        counter.up(session.step)
        counter.up()
        assert counter.count == 4
        assert student.Counter(1).count == 1
    """
    assert only(run(source, Counter=Counter)) == ("passed", "")


OPERATORS = """
def test_sum(student):
    assert (student.Counter(2) + 3).count == 5
    assert (3 + student.Counter(2)).count == 5
    assert (student.Counter(2) + student.Counter(4)).count == 6
"""


def test_with_objects_of_named_classes_one_can_calculate(run: Run) -> None:
    allowed = replace(REQUEST, operators=frozenset({"Counter"}))
    assert only(run(OPERATORS, request=allowed, Counter=Counter)) == ("passed", "")


def test_an_expression_that_grows_without_end_is_the_tests_fault(run: Run) -> None:
    source = """
    def test_sum(student):
        total = student.Counter(0)
        for _ in range(1000): total = total + 1
    """
    allowed = replace(REQUEST, operators=frozenset({"Counter"}))
    ran = run(source, request=allowed, Counter=Counter)
    assert outcomes(ran) == {"test_sum": "broken"}
    assert "more than 300 steps" in ran.tests[0].said


@pytest.mark.parametrize(
    "use",
    [
        "assert student.f() == 42",
        "assert 42 == student.f()",
        "assert student.f() != 41",
        "assert student.f()",
        "assert not student.f()",
        "assert student.f() < 43",
        "assert abs(student.f() - 42) < 1e-6",
        "assert 42 in [student.f()]",
        "assert 42 in student.f()",
        "assert float(student.f()) == 42",
        "assert np.allclose(student.f(), 42)",
        "assert np.isclose(42, student.f())",
        "assert (np.ones(2) * 42 - student.f() == 0).all()",
        "assert student.f() == pytest.approx(42)",
        "assert {42: 1}[student.f()]",
    ],
)
def test_an_object_in_place_of_a_value_passes_nothing_and_learns_nothing(
    run: Run, use: str
) -> None:
    class Yes:
        def __getattribute__(self, name: str) -> Any:
            raise AssertionError("the submission was asked to judge itself")

        def __eq__(self, other: object) -> bool:
            raise AssertionError("the submission was asked to judge itself")

        __sub__ = __rsub__ = __abs__ = __contains__ = __bool__ = __eq__  # type: ignore[assignment]

    source = f"import numpy as np\nimport pytest\n\ndef test_it(student):\n    {use}\n"
    ran = run(source, f=Yes)
    assert outcomes(ran)["test_it"] != "passed"
    assert "judge itself" not in ran.tests[0].said


def test_what_cannot_be_handed_to_a_submission_is_the_tests_fault(run: Run) -> None:
    source = "def test_it(student):\n    student.f(lambda: 1)\n"
    ran = run(source, f=len)
    assert outcomes(ran) == {"test_it": "broken"}
    assert "a function can't be handed" in ran.tests[0].said


def test_the_same_seed_draws_the_same_numbers_whatever_else_runs(run: Run) -> None:
    source = """
    def test_one(student, rng): student.note(float(rng.normal()))
    def test_two(student, rng): student.note(float(rng.normal()))
    """
    noted: list[float] = []
    run(source, note=noted.append)
    run(source, note=noted.append, request=replace(REQUEST, names=frozenset({"test_two"})))
    run(source, note=noted.append, request=replace(REQUEST, seed=6))
    one, two, two_again, other_one, _ = noted
    assert two == two_again
    assert len({one, two, other_one}) == 3


def test_the_reference_stands_beside_the_submission_or_in_its_place(run: Run) -> None:
    source = "def test_it(student, reference):\n    assert (student.n, reference.n) == (1, 2)\n"
    assert only(run(source, n=1, reference={"n": 2}))[0] == "passed"
    instead = replace(REQUEST, on_reference=True)
    assert only(run(source, n=1, reference={"n": 2}, request=instead))[0] == "failed"


def test_a_tests_process_has_no_credentials(run: Run) -> None:
    source = f"import os\n\ndef test_it():\n    assert {SECRET!r} not in os.environ\n"
    assert only(run(source))[0] == "passed"


def test_other_files_of_the_tests_can_be_used(run: Run) -> None:
    conftest = "import pytest\n\n@pytest.fixture\ndef five(student):\n    return student.n\n"
    files = {
        "conftest.py": conftest.encode(),
        "tests/test_five.py": b"def test_five(five):\n    assert five == 5\n",
    }
    request = replace(REQUEST, file="tests/test_five.py")
    assert only(run("", files=files, request=request, n=5))[0] == "passed"


# Points and titles


def test_points_are_shares_and_those_of_a_function_are_divided_among_its_cases(run: Run) -> None:
    source = """
    import pytest

    @pytest.mark.points(2)
    def test_two(): pass

    def test_one(): pass

    @pytest.mark.points(3)
    @pytest.mark.parametrize("n", [1, 2, pytest.param(3, marks=pytest.mark.points(5))])
    def test_cases(n): pass
    """
    ran = run(source)
    assert [one.weight for one in ran.tests] == [2, 1, 1.5, 1.5, 5]


@pytest.mark.parametrize("points", ["", "0", "-1", "'2'", "True", "float('nan')", "1, 2"])
def test_points_that_are_none_are_the_files_fault(run: Run, points: str) -> None:
    source = f"import pytest\n\n@pytest.mark.points({points})\ndef test_it(): pass\n"
    assert run(source).fault


def test_a_title_is_the_docstring_or_the_name_and_no_id_tells_a_value(run: Run) -> None:
    source = '''
    import pytest

    def test_relu():
        """Negative entries become zero.

        More.
        """

    @pytest.mark.parametrize(("x", "expected"), [(1, 41), (2, 42)])
    def test_by_name(x, expected): pass

    @pytest.mark.parametrize("n", [3, 4], ids=["small", "large"])
    def test_with_ids(n): pass
    '''
    assert [one.title for one in run(source).tests] == [
        "Negative entries become zero",
        "by name (case 1)",
        "by name (case 2)",
        "with ids (small)",
        "with ids (large)",
    ]


# What students read


def fails(run: Run, line: str, show_values: bool = False, **student: Any) -> str:
    """The message of a failing test of this line."""
    request = replace(REQUEST, show_values=show_values)
    source = f"import numpy as np\nimport pytest\n\ndef test_it(student):\n    {line}\n"
    outcome, message = only(run(source, request=request, **student))
    assert outcome == "failed"
    return message


def test_a_message_of_the_tests_own_is_shown_alone(run: Run) -> None:
    message = fails(run, "assert student.n == 42, 'n counts\\nthe rows'", n=3)
    assert message == "n counts the rows"
    assert fails(run, "pytest.fail('think again')") == "think again"


@pytest.mark.parametrize(
    "line",
    [
        "assert student.n == 1234",
        "assert np.allclose(student.n, 1234)",
        "np.testing.assert_allclose(student.n, 1234)",
        "assert student.n in [1234]",
    ],
)
def test_what_was_expected_is_shown_only_where_the_rubric_says_so(run: Run, line: str) -> None:
    message = fails(run, line, n=3)
    assert message == "This does not hold. The test looked at this last: n is the int 3."
    assert "1234" in fails(run, line, show_values=True, n=3)


def test_a_comparison_is_told_without_the_source(run: Run) -> None:
    message = fails(run, "assert student.n == 42", True, n=3)
    assert message == "This does not hold: 3 == 42, where 3 = student.n"
    message = fails(run, "assert np.allclose(student.n, 42)", True, n=3)
    assert message == (
        "This does not hold: False, where False = allclose(3, 42), and 3 = student.n"
    )


def test_an_exception_of_the_submission_is_told_with_its_place(run: Run) -> None:
    error = Raised("ValueError", "bad\x1b[31m", line=2, cell=0)
    told = Answer(AnswerStatus.ANSWERED, {"raised": error, "bases": ["ValueError"]})
    message = fails(run, "student.f(1)", answers=lambda: told)
    assert message == "f raised ValueError: bad [31m (cell 1, line 2)."


def test_tests_may_expect_exceptions(run: Run) -> None:
    def refuses(x: float) -> None:
        raise {0: ValueError, 1: KeyError}.get(int(x), StopIteration)("no")

    right = "with pytest.raises(ValueError, match='no'):\n        student.f(0)\n"
    assert outcomes(run(f"import pytest\n\ndef test_it(student):\n    {right}", f=refuses)) == {
        "test_it": "passed"
    }
    other = fails(run, "with pytest.raises(ValueError): student.f(1)", f=refuses)
    assert other == "f() raised KeyError: 'no'."
    none = fails(run, "with pytest.raises(ValueError): student.f(0)", f=abs)
    assert none == "No ValueError was raised."
    stop = fails(run, "assert [student.f(n) for n in iter([2, 3])] is None", f=refuses)
    assert stop == "f() raised StopIteration: no."


def test_a_missing_name_is_told_and_can_be_asked_for(run: Run) -> None:
    assert fails(run, "student.relu(1)") == "relu is not defined when your notebook is run."
    assert fails(run, "assert hasattr(student, 'relu'), 'write relu()'") == "write relu()"


BAD_ANSWERS: dict[str, tuple[Any, str]] = {
    "malformed": (Answer(AnswerStatus.MALFORMED, {}), "What n gave cannot be read."),
    "empty": (Answer(AnswerStatus.ANSWERED, {}), "What n gave cannot be read."),
    "another missing name": (
        Answer(AnswerStatus.ANSWERED, {"missing": "secret"}),
        "What n gave cannot be read.",
    ),
    "no value": (
        Answer(AnswerStatus.ANSWERED, {"value": {"lies": 1}}),
        "What n gave cannot be read.",
    ),
    "an exception for a value": (
        Answer(AnswerStatus.ANSWERED, {"value": Raised("E", "")}),
        "What n gave cannot be read.",
    ),
    "late": (
        Answer(AnswerStatus.TIME_LIMIT, {}),
        "n took longer than 10 s and was stopped.",
    ),
    "dead": (Answer(AnswerStatus.DIED, {}), "The process ended while n ran."),
}


@pytest.mark.parametrize("case", BAD_ANSWERS)
def test_an_answer_that_is_none_fails_the_test(run: Run, case: str) -> None:
    told, message = BAD_ANSWERS[case]
    assert fails(run, "assert student.n is None", answers=lambda: told) == message


def test_what_is_too_large_to_read_is_said(run: Run) -> None:
    long = fails(run, "assert student.n", n="a" * 20_000)
    assert long == "n is a text of 20000 characters, too long to be read."
    many = fails(run, "assert student.n", n=list(range(2000)))
    assert many == "n is a list of 1000 and more, too long to be read."
    meta = fails(run, "assert student.n", n=torch.zeros(2, device="meta"))
    assert meta.startswith("n is a tensor of shape (2,) that cannot be read")


@pytest.mark.parametrize("show_values", [False, True])
def test_hostile_text_is_bounded_and_printable(run: Run, show_values: bool) -> None:
    hostile = "\x1b]0;title\x07\u202e" * 400
    line = "assert student.text == 'expected', f'got {student.text}'"
    for one in (line, "assert student.text == 'expected'", "assert student.c is None"):
        message = fails(run, one, show_values, text=hostile, c=Counter(1))
        assert message.isprintable()
        assert len(message) < 600


def test_comparing_texts_that_are_made_to_be_slow_takes_no_time(run: Run) -> None:
    # A diff of these takes minutes.
    request = replace(REQUEST, test_s=20)
    source = "def test_it(student):\n    assert student.text == 'ab\\n' * 2500\n"
    ran = run(source, request=request, text="ba\n" * 3000)
    assert only(ran)[0] == "failed"


# What is the tests' own affair


def test_marks_leave_a_test_out_and_a_test_that_leaves_itself_out_earns_nothing(run: Run) -> None:
    source = """
    import pytest

    @pytest.mark.skip(reason="later")
    def test_marked(): assert False

    @pytest.mark.skipif(False, reason="never")
    def test_not_skipped(): pass

    @pytest.mark.xfail
    def test_known_to_fail(): assert False

    @pytest.mark.xfail
    def test_known_to_fail_but_passes(): pass

    def test_skips_itself(student):
        if student.n == 3: pytest.skip("n is 3")

    def test_gives_up(): pytest.xfail("too hard")
    """
    ran = run(source, n=3)
    assert outcomes(ran) == {
        "test_marked": "left_out",
        "test_not_skipped": "passed",
        "test_known_to_fail": "left_out",
        "test_known_to_fail_but_passes": "left_out",
        "test_skips_itself": "failed",
        "test_gives_up": "failed",
    }
    assert [one.message for one in ran.tests[-2:]] == ["n is 3", "too hard"]


@pytest.mark.parametrize(
    "body",
    [
        "student.n.shape",
        "assert undefined_name",
        "raise SystemExit(0)",
        "return student.n == 3",
        "reference.n",
    ],
)
def test_a_test_that_breaks_says_so(run: Run, body: str) -> None:
    assert outcomes(run(f"def test_it(student, reference):\n    {body}\n", n=3)) == {
        "test_it": "broken"
    }


def test_an_unknown_fixture_and_an_async_test_are_broken(run: Run) -> None:
    ran = run("def test_a(nothing): pass\nasync def test_b(student): student.n\n", n=1)
    assert outcomes(ran) == {"test_a": "broken", "test_b": "broken"}


@pytest.mark.parametrize(
    "source",
    [
        "import no_such_module",
        "1 / 0",
        "import os\nos._exit(0)",
        "import os\n\ndef test_it(): os._exit(0)",
        "import pytest\n\ndef test_it(): pytest.exit('enough')",
        "import pytest\npytest.skip(allow_module_level=True)",
        "def helper(): pass",
        "def test_it(): raise KeyboardInterrupt",
    ],
)
def test_a_file_that_does_not_run_to_its_end_is_a_fault(run: Run, source: str) -> None:
    assert run(source).fault


def test_a_file_that_never_ends_is_a_fault(run: Run) -> None:
    request = replace(REQUEST, file_s=0.5)
    assert "longer than 0.5 s" in run("while True: pass", request=request).fault


def test_a_test_that_takes_too_long_itself_is_broken_and_the_next_one_runs(run: Run) -> None:
    source = """
    def test_slow():
        while True:
            try: pass
            except Exception: pass

    def test_next(): pass
    """
    ran = run(source, request=replace(REQUEST, test_s=0.3))
    assert outcomes(ran) == {"test_slow": "broken", "test_next": "passed"}


def test_a_submission_that_is_slow_again_and_again_uses_up_the_time_of_its_test(run: Run) -> None:
    from time import sleep

    source = """
    def test_slow(student):
        for _ in range(1000): student.f()

    def test_next(student): assert student.f() is None
    """
    ran = run(source, request=replace(REQUEST, test_s=0.3), f=lambda: sleep(0.1))
    assert outcomes(ran) == {"test_slow": "failed", "test_next": "passed"}
    assert "too long" in ran.tests[0].message


def test_a_reference_that_is_slow_takes_nothing_of_a_submissions_time(run: Run) -> None:
    from time import sleep

    source = """
    def test_it(student, reference):
        assert [reference.f() for _ in range(4)] == [None] * 4
        assert student.n == 1
    """
    request = replace(REQUEST, test_s=0.3)
    ran = run(source, request=request, n=1, reference={"f": lambda: sleep(0.1)})
    assert outcomes(ran) == {"test_it": "passed"}


def test_runs_leave_nothing_behind_for_one_another(run: Run) -> None:
    source = """
    import builtins, os, pathlib

    def test_it():
        assert not hasattr(builtins, "left")
        assert not list(pathlib.Path.cwd().glob("left"))
        builtins.left = True
        pathlib.Path("left").touch()
    """
    assert [only(run(source))[0] for _ in range(2)] == ["passed", "passed"]


def test_a_warm_process_that_has_died_is_replaced(runner: Runner, run: Run) -> None:
    source = "def test_it(): pass\n"
    assert only(run(source))[0] == "passed"
    assert runner._process is not None
    runner._process.kill()
    runner._process.wait()
    assert only(run(source))[0] == "passed"


NATIVE = replace(REQUEST, native=True, library="numpy", precision="float64")


def test_native_values_are_what_they_are_in_the_submission(run: Run) -> None:
    ran = run(
        """
        import numpy as np
        import torch

        def test_values(student):
            assert type(student.a) is np.ndarray
            assert repr(student.n) == "np.float64(0.5)"
            assert type(student.w) is torch.Tensor and student.w.requires_grad
            assert repr(student.l) == "[1, array([0, 1])]"
            assert torch.equal(student.double(torch.tensor([1.5])), torch.tensor([3.0]))
            assert student.kind(torch.tensor([1.5], requires_grad=True)) == ("torch", True)
            assert student.kind(np.zeros(3, "float32")) == ("numpy", "float32")
        """,
        request=NATIVE,
        a=np.arange(3),
        n=np.float64(0.5),
        w=torch.ones(2, requires_grad=True),
        l=[1, np.arange(2)],
        double=lambda x: 2 * x,
        kind=lambda x: (
            ("torch", x.requires_grad) if isinstance(x, torch.Tensor) else ("numpy", str(x.dtype))
        ),
    )
    assert [(one.outcome, one.said) for one in ran.tests] == [("passed", "")]


def test_a_native_exception_has_the_submissions_own_words(run: Run) -> None:
    def fail() -> None:
        raise ValueError("not so")

    source = """
        import pytest

        def test_words(student):
            with pytest.raises(ValueError, match="^not so$"):
                student.fail()
    """
    assert [one.outcome for one in run(source, request=NATIVE, fail=fail).tests] == ["passed"]


def test_a_name_can_be_taken_away_within_a_session(run: Run) -> None:
    ran = run(
        """
        import pytest

        def test_it(student):
            session = student.session()
            two = session.two
            del session.two
            with pytest.raises(AttributeError):
                session.two
            session.two = two
            assert session.two() == 2

        def test_of_none(student):
            session = student.session()
            del session.nothing
            with pytest.raises(AttributeError):
                session.two
        """,
        two=lambda: 2,
    )
    assert [one.outcome for one in ran.tests] == ["passed", "passed"]


def test_a_test_may_earn_a_part_of_its_points(run: Run) -> None:
    ran = run(
        """
        def test_part(earn):
            earn(0.25)

        def test_whole():
            pass

        def test_too_much(earn):
            earn(1.5)
        """
    )
    assert [(one.outcome, one.fraction) for one in ran.tests] == [
        ("passed", 0.25),
        ("passed", 1),
        ("broken", 1),
    ]


def test_tests_are_chosen_by_their_names_with_all_their_cases(run: Run) -> None:
    source = """
        import pytest

        @pytest.mark.parametrize("n", [1, 2])
        def test_cases(n): pass

        class TestThese:
            def test_one(self): pass
            def test_two(self): pass
    """
    request = replace(REQUEST, names=frozenset({"test_cases", "TestThese::test_two"}))
    names = [one.name.partition("[")[0] for one in run(source, request=request).tests]
    assert names == ["test_cases", "test_cases", "TestThese::test_two"]
