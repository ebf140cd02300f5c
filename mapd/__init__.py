"""MAPD Studio: Mistake-Aware Peer-Review Distillation (arXiv 2410.03663) as a package and a web app.

mapd.open("data/pilot")     -> the project, for notebooks and scripts (docs/python.md)
"""

from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mapd.notebook import Project

__all__ = ["open"]


def open(path: "str | PathLike[str] | None" = None, *, person: str | None = None) -> "Project":
    """Open a project's folder, by default MAPD_HOME's; `person` is whose name its acts are kept under.

    Raises: MapdError, in one line.
    """
    # Commands and pages import this package, too: what a project needs is loaded where one is opened.
    from mapd.notebook import Project

    return Project(path, person=person)
