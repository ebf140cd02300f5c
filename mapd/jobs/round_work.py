"""The work of rounds, as its parameters: a student's exam, committee, snapshot, finetune and exam again, so many times.

RoundWork(student="smollm2-9c1e04", exam="5e…", rounds=2, stop=("gain:1",)).run(WorkContext(engine, home, by=…))
    -> {"exam": "7a…", "snapshot": "3fa2…", "student": "smollm2-9c1e04-f31c77", "rounds": [{"round": 0, …}, …], …}
"""

from dataclasses import asdict
from typing import Any, ClassVar

from pydantic import Field
from sqlmodel import Session

from mapd import rounds
from mapd.jobs.work import Work, WorkContext, add_end, followed_by_index
from mapd.loop import round as rounds_run
from mapd.loop import round_plan
from mapd.loop.round_plan import RoundPlan
from mapd.rounds import StopRule


class RoundWork(Work):
    """One round of a student or several. What is None or empty is as in the round before."""

    kind: ClassVar[str] = "round"
    unit: ClassVar[str] = "stages"
    awaits: ClassVar[str] = "what is in work is finished, and kept"
    student: str
    exam: str
    rounds: int = 1
    pairs: str = round_plan.PAIRS[0]
    # As `StopRule.read` takes it.
    stop: tuple[str, ...] = ()
    teachers: tuple[str, ...] = ()
    samples: int | None = None
    cut_off: bool | None = None
    adaptive: bool | None = None
    concurrency: int | None = None
    # US dollars that the calls of all these rounds' exams may cost.
    budget: float | None = None
    unknown_price: bool = False  # yes, also teachers whose price nobody knows
    skip_failed: bool = False
    settings: dict[str, Any] = Field(default_factory=dict)  # hyper-parameters that are not as before
    dev: str | None = None

    @property
    def title(self) -> str:
        """Return whose rounds they are."""
        return f"Round of {self.student}" if self.rounds == 1 else f"{self.rounds} rounds, from {self.student} on"

    @property
    def plan(self) -> RoundPlan:
        """Return the loop's plan. Raises: BadInput, naming the value."""
        return RoundPlan(**self.model_dump(exclude={"stop"}), stop=StopRule.read(self.stop))

    def size(self, session: Session) -> int:
        """Return how many stages it has."""
        round_plan.check_plan(session, self.plan)
        return self.rounds * len(rounds_run.STAGES)

    def run(self, run: WorkContext) -> dict[str, Any]:
        """Do the rounds; what is there already is not done again."""
        with followed_by_index(run) as followed:
            summary = rounds_run.run(
                followed.engine,
                followed.home,
                self.plan,
                by=followed.by,
                watch=followed.tell,
                stopping=followed.stopping,
            )
        last = summary.turns[-1]
        result: dict[str, Any] = {
            "exam": last.exam,
            "snapshot": last.snapshot,
            "student": last.new_student or last.student,
        }
        # A link to both is drawn where both are there.
        result |= {} if last.after is None else {"before": last.before, "after": last.after}
        result |= {"pairs": last.pairs, "turns": [asdict(turn) for turn in summary.turns]}
        result |= {"rounds": [rounds.describe(entry) for entry in summary.rounds], "whole": not summary.is_broken}
        return add_end(result, summary.stopped)
