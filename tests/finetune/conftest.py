"""One thread: models this small only wait for each other on two."""

from collections.abc import Iterator

import pytest
import torch

from mapd.models import sandbox


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny student is ours: nobody looks into it in a process of its own, which takes seconds."""
    monkeypatch.setattr(sandbox, "check", lambda folder: None)
