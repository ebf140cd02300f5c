"""`benchmarks/review.py --browser` measures each wait, small as the store may be."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from benchmarks import review, reviewers


@pytest.mark.slow
def test_each_wait_is_measured(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "project"
    review.generate(home, 100).dispose()
    for name, few in (("OTHERS", 2), ("OPENINGS", 2), ("READS_S", 0.5), ("FULL_S", 2.0)):
        monkeypatch.setattr(reviewers, name, few)
    figures = reviewers.measure(browser, home, presses=4, decisions=5)
    assert all(0 < figures[wait]["p50_ms"] <= figures[wait]["p95_ms"] for wait in ("first_text", "1", "2"))
    assert 0 < figures["post_p50_ms"] <= figures["post_p95_ms"]
    assert figures["2"]["others"]["saved"] > 0
    assert figures["decisions_per_s"] > 0
    assert figures["post_cpu_ms"] > 0
    assert figures["memory"]["decisions"] == 5
    assert figures["memory"]["after"].keys() == figures["memory"]["before"].keys() == {"server_mb", "heap_mb"}
