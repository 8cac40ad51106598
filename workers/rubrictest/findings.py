"""What a trial of a rubric found."""

from __future__ import annotations

from dataclasses import dataclass, field

from workers.mutation.causes import Naming, naming
from workers.mutation.mutants import Mutant


@dataclass(frozen=True)
class Judged:
    """What became of one mutant. `lost` and `spilled` are ids of exercises."""

    mutant: Mutant
    lost: tuple[str, ...] = ()  # where its mistake is
    spilled: tuple[str, ...] = ()  # where it is not
    cause: str | None = None  # what a gradient check called it, where one failed
    of_gradient: bool = False
    own_cause: bool = False  # the rubric's own near-miss: the reference made that very mistake
    failure: str = ""  # ours

    @property
    def survived(self) -> bool:
        """Whether nobody noticed."""
        return not self.lost and not self.spilled and not self.failure

    @property
    def naming(self) -> Naming:
        """Of a wrong gradient: whether its hint named the mistake that was made."""
        return "right" if self.own_cause else naming(self.mutant.operator, self.cause)


@dataclass
class Findings:
    """All that a trial found. Lists of sentences are problems; empty ones are what one wants."""

    right: list[str] = field(default_factory=list)
    starter: list[str] = field(default_factory=list)
    vacuous: list[str] = field(default_factory=list)
    mutants: list[Judged] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)
    given: int = 0
    waived: dict[str, str] = field(default_factory=dict)
    unused_waivers: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)  # ours
    wall_s: float = 0.0

    @property
    def survivors(self) -> list[Judged]:
        """Mutants that lost no points and are not waived."""
        return [one for one in self.mutants if one.survived and not self._is_waived(one)]

    @property
    def spills(self) -> list[Judged]:
        """Mutants that lost points where they are right."""
        return [
            one
            for one in self.mutants
            if one.spilled and f"spills/{one.mutant.name}" not in self.waived
        ]

    @property
    def counted(self) -> int:
        """Mutants but those that are waived and those that we failed to judge."""
        return sum(not one.failure and not self._is_waived(one) for one in self.mutants)

    @property
    def killed(self) -> int:
        """Of those, the ones that lost points."""
        return self.counted - len(self.survivors)

    @property
    def score(self) -> float:
        """The mutation score, between 0 and 1."""
        return self.killed / self.counted if self.counted else 1.0

    @property
    def passed(self) -> bool:
        """Whether nothing is left to mend."""
        problems = (
            *(self.right, self.starter, self.vacuous, self.survivors, self.spills),
            *(self.unused_waivers, self.failures),
        )
        return not any(problems)

    def _is_waived(self, one: Judged) -> bool:
        return one.survived and f"survives/{one.mutant.name}" in self.waived
