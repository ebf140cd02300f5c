"""Large files by Xet, as the hub takes them today: huggingface_hub's own client against a store on this machine."""

import os
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest
import tenacity

from mapd.errors import BadInput
from mapd.exchange.hub import parcels, sending
from mapd.exchange.hub.parcels import Parcel
from mapd.models import adapters
from tests.exchange.hub.server import TOKEN, FakeHub, Fault, serving


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with serving() as server:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr(tenacity.nap.time, "sleep", lambda _: None)
        yield server


@pytest.fixture
def parcel(tmp_path: Path) -> Parcel:
    (tmp_path / "README.md").write_text("# A card")
    # The client remembers which chunks it sent: others each time.
    (tmp_path / adapters.WEIGHTS).write_bytes(os.urandom(200_000))
    files = parcels._list_files(tmp_path)
    return Parcel("model", "adapter", "student x", tmp_path, files, adapters.WEIGHTS)


def test_a_large_file_goes_by_xet(hub: FakeHub, parcel: Parcel) -> None:
    result = sending.send(parcel, "org/x", private=True, revision="main")
    assert result.changed == ("README.md", adapters.WEIGHTS)
    assert (hub.xorbs, hub.uploads(), hub.commits) == (1, 0, 1)
    assert ("POST", "/cas/v1/shards") in hub.requests


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST", "/cas/v1/xorbs/", 403, 99),
        Fault("GET", "/xet-write-token/", 403, 99),
        Fault("POST", "/shards", 400, 99),
    ],
)
def test_what_the_store_refuses_is_one_line_and_the_same_again_goes_on(
    hub: FakeHub, parcel: Parcel, fault: Fault
) -> None:
    hub.faults.append(fault)
    with pytest.raises(BadInput, match="the hub") as refused:
        sending.send(parcel, "org/x", private=True, revision="main")
    assert "\n" not in str(refused.value)
    assert TOKEN not in str(refused.value)
    assert hub.commits == 0
    hub.faults.clear()
    assert sending.send(parcel, "org/x", private=True, revision="main").commit
