"""What a run of a finetune does besides training. No weight depends on it, so it is no part of the finetune's name.

RunOptions(ask_every=20, ask_questions=3)        3 held-out questions are asked before the first step, and every 20
RunOptions(report_to="tensorboard,trackio")      each step's numbers go to these trackers, too
"""

from dataclasses import dataclass

from mapd.errors import BadInput

# By a tracker's name, the package that it needs; each is an extra of ours, too.
TRACKERS = {"tensorboard": "tensorboard", "wandb": "wandb", "trackio": "trackio"}
MOST_QUESTIONS = 50


@dataclass(frozen=True, slots=True)
class RunOptions:
    """`ask_every`: steps between the times that held-out questions are asked (0: never), `ask_questions` of them.

    `report_to`: trackers' names, with commas. `keep_optimizer`: of full finetuning, too, so that it can go on for more
    epochs; an adapter's is small, and kept anyway.

    Raises: BadInput, naming the value.
    """

    ask_every: int = 0
    ask_questions: int = 3
    report_to: str = ""
    keep_optimizer: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.ask_every < 2**31:
            raise BadInput(f"ask every is a number of steps, or 0 for never, not {self.ask_every}")
        if not 1 <= self.ask_questions <= MOST_QUESTIONS:
            raise BadInput(f"ask questions is a number from 1 to {MOST_QUESTIONS}, not {self.ask_questions}")
        for name in self.trackers:
            if name not in TRACKERS:
                raise BadInput(f"report to is one of {', '.join(TRACKERS)}, not {name[:40]!r}")

    @property
    def trackers(self) -> tuple[str, ...]:
        """Return the names of the trackers, each once."""
        names = (name.strip().lower() for name in self.report_to.split(","))
        return tuple(dict.fromkeys(name for name in names if name))


NO_OPTIONS = RunOptions()
