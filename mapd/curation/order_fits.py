"""What triage's combined queue is ordered by: a fitted policy's P(right), or the shipped default's, or people's.

    choose_order_fit(fair)             -> OrderFit("policy fair, version 2, fitted on …", fit)
    choose_order_fit(PAPER).name       -> "default fit on the authors' SVAMP data"

The default tells no teacher apart, so it holds for any committee. Of it there are two: one reads the gold check, and
decides where that says something of a text; the other one knows no gold answer. `benchmarks/default_fit.py` fits them
and writes their file, with what they were fitted on. Source: the data of arXiv 2410.03663, released by its authors.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from mapd.checks import State
from mapd.curation.inputs import RationaleReading
from mapd.policies import Policy
from mapd.probability import Fit, read_fit

DEFAULT_FILE = "default_fit.json"
DEFAULT_NAME = "default fit on the authors’ SVAMP data"


@dataclass(frozen=True, slots=True)
class OrderFit:
    """A fit that orders rationales, with its name in words. `without_gold`: decides where the gold check is silent."""

    name: str
    fit: Fit
    without_gold: Fit | None = None
    # What says which rationales are doubtful at all, where this fit orders them alone.
    base: "OrderFit | None" = None

    @property
    def digest(self) -> str:
        """Return a name of all that orders."""
        digests = [fit.digest for fit in (self.fit, self.without_gold) if fit]
        return "+".join([*digests, *([self.base.digest] if self.base else [])])

    @property
    def identity(self) -> str:
        """Return a name that stays when teachers are renamed: they go by uid in it."""
        fits = [fit for fit in (self.fit, self.without_gold) if fit]
        return "+".join(fit.rename({uid: uid for uid in fit.record.teachers.values()}).digest for fit in fits)

    def choose(self, reading: RationaleReading) -> Fit:
        """Return the fit that decides about this rationale."""
        is_silent = reading.states.matches_gold is State.NOTHING
        return self.without_gold if is_silent and self.without_gold else self.fit


@cache
def load_default() -> OrderFit:
    """Return the fit that is shipped."""
    content = json.loads(files("mapd.curation").joinpath(DEFAULT_FILE).read_text("utf-8"))
    return OrderFit(DEFAULT_NAME, read_fit(content["with_gold"]), read_fit(content["without_gold"]))


@dataclass(frozen=True, slots=True)
class PeopleFit:
    """A fit on what people decided in an exam, and how it compares, on these very labels, with what orders without it.

    `base`: the identity of the latter. `comparison`: why the fit is better or isn't, in words.
    """

    fit: Fit
    base: str
    is_better: bool
    comparison: str

    def choose(self, base: OrderFit, exam: str, teachers: Mapping[str, str]) -> OrderFit:
        """Return what orders, named for the screen; with another `base` than it was compared with, that one.

        `teachers`: their names by uid.
        """
        if base.identity != self.base:
            return base
        record = self.fit.record
        if not self.is_better:
            words = f"a fit on {record.n:,} judgements of this exam isn’t better ({self.comparison})"
            return replace(base, name=f"{base.name}; {words}")
        moment = record.fitted_at[:16].replace("T", " ")
        name = f"fitted on {record.n:,} judgements of exam {exam}, {moment} UTC; better than {base.name} there"
        # People judge the doubtful ones first: by their share of wrong ones too many others would look doubtful.
        return OrderFit(f"{name} ({self.comparison})", self.fit.rename(teachers), base=base)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"fit": self.fit.as_dict(), **{key: getattr(self, key) for key in ("base", "is_better", "comparison")}}


def read_people_fit(content: Mapping[str, Any]) -> PeopleFit:
    """Return the fit that `as_dict` gave."""
    return PeopleFit(**{**content, "fit": read_fit(content["fit"])})


def choose_order_fit(policy: Policy) -> OrderFit:
    """Return the fit of a policy that is fitted, else the default."""
    return load_default() if policy.fit is None else name_policy(policy, policy.fit)


def name_policy(policy: Policy, fit: Fit) -> OrderFit:
    """Return a fitted policy's fit, named for the screen."""
    return OrderFit(f"policy {policy.name}, version {policy.version}", fit)
