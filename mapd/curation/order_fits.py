"""What triage's combined queue is ordered by: a fitted policy's P(right), or the shipped default's.

    choose_order_fit(fair)             -> OrderFit("policy fair, version 2, fitted on …", fit)
    choose_order_fit(PAPER).name       -> "default fit on the authors' SVAMP data"

The default tells no teacher apart, so it holds for any committee. Of it there are two: one reads the gold check, and
decides where that says something of a text; the other one knows no gold answer. `benchmarks/default_fit.py` fits them
and writes their file, with what they were fitted on. Source: the data of arXiv 2410.03663, released by its authors.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

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

    @property
    def digest(self) -> str:
        """Return a name of all that orders."""
        return "+".join(fit.digest for fit in (self.fit, self.without_gold) if fit)

    def choose(self, reading: RationaleReading) -> Fit:
        """Return the fit that decides about this rationale."""
        is_silent = reading.states.matches_gold is State.NOTHING
        return self.without_gold if is_silent and self.without_gold else self.fit


@cache
def load_default() -> OrderFit:
    """Return the fit that is shipped."""
    content = json.loads(files("mapd.curation").joinpath(DEFAULT_FILE).read_text("utf-8"))
    return OrderFit(DEFAULT_NAME, read_fit(content["with_gold"]), read_fit(content["without_gold"]))


def choose_order_fit(policy: Policy) -> OrderFit:
    """Return the fit of a policy that is fitted, else the default."""
    return load_default() if policy.fit is None else name_policy(policy, policy.fit)


def name_policy(policy: Policy, fit: Fit) -> OrderFit:
    """Return a fitted policy's fit, named for the screen."""
    return OrderFit(f"policy {policy.name}, version {policy.version}", fit)
