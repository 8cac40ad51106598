"""`student` and `reference` as a test sees them: every look is a question to a sandbox.

Nothing of the submission ever runs here. A value arrives as a copy; an object stays where it is,
and a test has a handle on it: the steps that lead to it, which are done again, in a fork, for each
further question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from grader.checks.reading import in_words
from grader.domain.evidence import Thing
from workers.tests_runner.failing import AnswerError, ReferenceFailed, StudentError
from workers.tests_runner.link import Link, Whose
from workers.tests_runner.steps import Step
from workers.tests_runner.values import Unreadable, converted


class Subject:
    """A namespace: `subject.W1` and `subject["W1"]` are values, `subject.relu(x)` calls."""

    _link: Link
    _whose: Whose
    _operators: frozenset[str]
    _found: dict[str, Handle]

    def __init__(self, link: Link, whose: Whose, operators: frozenset[str]) -> None:
        vars(self).update(_link=link, _whose=whose, _operators=operators, _found={})

    def __getattr__(self, name: str) -> object:
        if _is_special(name):
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> object:
        if name not in self._found:
            value = self._evaluated(Step("name", name=name))
            if not isinstance(value, Handle):
                return value  # a copy that the test may change
            self._found[name] = value
        return self._found[name]

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise TypeError(f"nothing can be bound here: s = student.session(); s.{name} = ...")

    def __repr__(self) -> str:
        return self._whose

    def session(self) -> Session:
        """Where what one call changes is there for the next."""
        return Session(self._link, self._whose, self._operators)

    def _evaluated(self, step: Step) -> object:
        return self._read(step, [])

    def _read(self, step: Step, before: list[Step]) -> object:
        value = self._link.ask(self._whose, before, step)
        try:
            return converted(value, step, self._handle, native=self._link.native)
        except Unreadable as error:
            raise self._error()(f"{step.words} {error}.") from None

    def _handle(self, thing: Thing, step: Step) -> Handle:
        return Handle(self, step, thing)

    def _error(self) -> type[AnswerError]:
        return StudentError if self._whose == "student" else ReferenceFailed


class Session(Subject):
    """A namespace in which names can be bound, and in which changes last.

    All of its steps are done again, from the first one, for every question.
    """

    _done: list[Step]

    def __init__(self, link: Link, whose: Whose, operators: frozenset[str]) -> None:
        super().__init__(link, whose, operators)
        vars(self).update(_done=[])

    def __getitem__(self, name: str) -> object:
        return self._evaluated(Step("name", name=name))

    def __setattr__(self, name: str, value: object) -> None:  # type: ignore[override]
        self._done.append(Step("set", (_given(value, self),), name=name))

    def __delattr__(self, name: str) -> None:
        self._done.append(Step("delete", name=name))

    def _evaluated(self, step: Step) -> object:
        value = self._read(step, self._done)
        self._done.append(step)
        return value


class Handle:
    """An object of the submission's: it can be called, asked for attributes, indexed, iterated.

    Its methods may do anything, so nothing is judged by them: it is equal to nothing, and neither
    true nor false. With objects of the classes in `operators` one can calculate; what stands
    beside one enters the sandbox.
    """

    __array_ufunc__ = None  # numpy leaves operators to this class
    __hash__ = object.__hash__

    _subject: Subject
    _step: Step
    _thing: Thing

    def __init__(self, subject: Subject, step: Step, thing: Thing) -> None:
        vars(self).update(_subject=subject, _step=step, _thing=thing)

    def __call__(self, *args: object, **kwargs: object) -> object:
        named = {name: _given(one, self._subject) for name, one in kwargs.items()}
        given = tuple(_given(one, self._subject) for one in args)
        return self._next(Step("call", (self._step, *given), named))

    def __getattr__(self, name: str) -> object:
        if _is_special(name):
            raise AttributeError(name)
        return self._next(Step("attribute", (self._step,), name=name))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise TypeError("objects of a submission cannot be changed from a test")

    def __getitem__(self, key: object) -> object:
        return self._next(Step("item", (self._step, _given(key, self._subject))))

    def __len__(self) -> int:
        length = self._next(Step("length", (self._step,)))
        if type(length) is not int or length < 0:
            raise self._subject._error()(f"{self._step.words} has no length that is a number.")
        return length

    def __iter__(self) -> Iterator[Any]:
        items = self._next(Step("items", (self._step,)))
        if not isinstance(items, list):
            raise self._subject._error()(f"What is in {self._step.words} cannot be read.")
        return iter(items)

    def __repr__(self) -> str:
        return self._step.words

    def _next(self, step: Step) -> object:
        return self._subject._evaluated(step)

    def _no_value(self, *_: object, **__: object) -> NoReturn:
        raise self._subject._error()(
            f"{self._step.words} {self._step.verb} {in_words(self._thing)}, which is no value."
        )

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _no_value
    __bool__ = __float__ = __int__ = __complex__ = __index__ = __round__ = _no_value
    __contains__ = __array__ = _no_value


def _calculating(name: str, reflected: bool) -> Callable[..., object]:
    def operated(self: Handle, *others: object) -> object:
        if not _may_calculate(self._step, self._subject._operators):
            self._no_value()
        given = [self._step, *(_given(one, self._subject) for one in others)]
        return self._next(Step("operator", tuple(given[::-1] if reflected else given), name=name))

    return operated


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
    setattr(Handle, f"__{_name}__", _calculating(_name, reflected=False))
    setattr(Handle, f"__r{_name}__", _calculating(_name, reflected=True))
for _name in ("neg", "pos", "abs"):
    setattr(Handle, f"__{_name}__", _calculating(_name, reflected=False))


def _may_calculate(step: object, operators: frozenset[str]) -> bool:
    """Whether a step makes an object of a class in `operators`, or is calculated from one."""
    match step:
        case Step(do="call", args=(Step(do="name", name=name), *_)):
            return name in operators
        case Step(do="operator", args=args):
            return any(_may_calculate(one, operators) for one in args)
    return False


def _given(value: object, subject: Subject) -> object:
    """An argument, with steps in place of handles."""
    match value:
        case Handle():
            if value._subject is not subject:
                raise TypeError("an object of one session, or of the reference, stays there")
            return value._step
        case list():
            return [_given(one, subject) for one in value]
        case tuple():
            return tuple(_given(one, subject) for one in value)
        case dict():
            return {key: _given(one, subject) for key, one in value.items()}
    return value


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")
