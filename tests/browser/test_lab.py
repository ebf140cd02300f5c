"""From a fit to two snapshots in the browser: each number on the way is what the command says.

One project, as a researcher leaves it: 36 mistakes audited in part by two people, and a second exam.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from mapd.curation import live_set, saved_policies
from mapd.domain import Act
from mapd.people import owner
from mapd.review.judging import Circumstances, Target, judge
from mapd.settings import Settings
from mapd.store import db, queries
from tests import commands, samples
from tests.browser import resting
from tests.browser.conftest import STARTS, App
from tests.browser.test_history import choose, chosen, click
from tests.commands import Mapd
from tests.conftest import import_files, writing
from tests.pages.test_fit_form import work

MINUS = "−"


@dataclass
class Lab:
    """The shared app, and the exams that it is looked at with."""

    app: App
    exam: str
    second: str
    second_name: str


@pytest.fixture
def lab(shared: App, tmp_path: Path) -> Lab:
    """The shared app with two exams of this test's own; ann and bob judged one of them blind, eve saw all."""
    engine = db.open_store(Settings())
    with writing(engine) as session:
        first = import_files(session, *samples.files(tmp_path, 36, start=next(STARTS))).exam
        second = import_files(session, *samples.files(tmp_path, 6, start=next(STARTS))).exam
        mistakes = live_set.load_curated(session, queries.exam(session, first).id).mistakes[:12]
        texts = [x.text.id for mistake in mistakes for x in mistake.rationales]
        # Who, how many texts, and which of them are rejected.
        for name, number, part in (("ann", 36, 6), ("bob", 36, 4), ("eve", 6, 3)):
            seen = Circumstances(queue="audit", revealed=name == "eve")
            for place, text in enumerate(texts[:number]):
                act, reason = (Act.REJECT, "unclear") if place % part == 0 else (Act.ACCEPT, None)
                judge(session, Target("rationale", text), act, by=owner(name), reason=reason, circumstances=seen)
        name = queries.exam(session, second).name
    engine.dispose()
    return Lab(shared, first, second, name)


@pytest.fixture
def mapd_there(shared: App, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Mapd:
    """A command over the shared app's project."""
    return commands.runner(monkeypatch, capsys)


def read_table(page: Page, words: str) -> dict[str, list[str]]:
    """The cells of the table that has these words, by what stands first in each row."""
    rows = page.locator("table.mapd-table").filter(has_text=words).locator("tr")
    expect(rows.first).to_be_visible()
    cells = rows.evaluate_all("rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim()))")
    return {first: others for first, *others in cells}


def interval(estimate: dict[str, Any], form: str) -> str:
    """A number with its interval, as a cell has it; where there is none, why."""
    if estimate["value"] is None:
        return str(estimate["why"])
    value, low, high = (form.format(estimate[key]).replace("-", MINUS) for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def type_number(page: Page, label: str, value: str) -> None:
    field = page.get_by_role("spinbutton", name=label)
    field.fill(value)
    with resting.after(page):
        field.press("Enter")


def picture(page: Page, key: str) -> Locator:
    return page.locator(f".st-key-{key} .js-plotly-plot")


def test_from_a_fit_to_two_snapshots(page: Page, lab: Lab, mapd_there: Mapd) -> None:
    resting.load(page, f"{lab.app.url}/threshold?exam={lab.exam}")
    fit_a_policy(page, lab)
    lay_side_by_side(page, lab, mapd_there)
    see_who_agrees(page, lab, mapd_there)
    see_what_is_left(page, lab, mapd_there)
    freeze_and_compare(page, lab, mapd_there)


def fit_a_policy(page: Page, lab: Lab) -> None:
    """The form starts the job; its end, which nobody presses for, brings the policy; a press has the exam use it."""
    page.locator("summary", has_text="Fit a policy").click()  # which runs nothing
    name = page.get_by_role("textbox", name="Name of the policy")
    name.fill("fair")
    with resting.after(page):
        name.press("Enter")
    click(page, page.get_by_text("The policy sees the gold check"))
    click(page, page.get_by_role("button", name="Fit the policy"))
    card = page.locator('[class*="st-key-job_"]').filter(has_text="Fit of policy fair on the gold check")
    expect(card.locator(".mapd-chip")).to_contain_text("queued")
    work(lab.app.home)
    expect(card.locator(".mapd-chip")).to_contain_text("done")
    expect(chosen(page, "policy")).to_have_value("fair")
    with db.reading(db.open_store(Settings())) as session:
        fit = saved_policies.find_policy(session, "fair").fit
    assert fit is not None
    assert (fit.record.n, fit.record.uses_gold) == (108, False)
    measured = [fit.record.n, fit.record.right, fit.record.questions, f"{fit.record.brier:.3f}"]
    assert read_table(page, "Brier score")["rationales"][:4] == [str(figure) for figure in measured]
    expect(picture(page, "fit_figure").locator(".scatterlayer .trace")).to_have_count(2)
    expect(page.locator(".st-key-mapd_lab_status")).to_contain_text("Saved, not in use")
    click(page, page.get_by_role("button", name="Use for this exam"))
    expect(page.locator(".st-key-mapd_lab_status")).to_contain_text("Saved, in use fair: P(right) > 0.50")


def lay_side_by_side(page: Page, lab: Lab, mapd: Mapd) -> None:
    """Paper beside it, at two thresholds; whether its probabilities hold."""
    choose(page, "with", "paper")
    before = hold_against_command(page, lab, mapd, 0.5)
    page.locator(".st-key-threshold input").focus()
    with resting.after(page):
        page.keyboard.press("ArrowRight")
    threshold = float(re.search(r"[?&]threshold=([\d.]+)", page.url)[1])  # type: ignore[index]
    after = hold_against_command(page, lab, mapd, threshold)
    assert threshold > 0.5
    assert after["first"]["accepted"] < before["first"]["accepted"]
    assert (after["added"], after["dropped"]) != (before["added"], before["dropped"])
    assert after["second"] == before["second"]
    click(page, page.get_by_text("Do the probabilities hold?"))
    for source, has_enough in (("gold", True), ("people", False)):
        tenths = after["first"]["reliability"][source]
        marks = [x for x in tenths if x["right"]["value"] is not None]
        assert bool(marks) is has_enough
        points = picture(page, f"reliability_0_{source}").locator(".scatterlayer .trace .point")
        expect(points).to_have_count(len(marks))
        counts = ", ".join(f"{x['low']:.1f}–{x['high']:.1f}: {x['right']['n']:,}" for x in tenths if x["right"]["n"])
        expect(page.get_by_text(counts)).to_be_visible()


def hold_against_command(page: Page, lab: Lab, mapd: Mapd, threshold: float) -> dict[str, Any]:
    """Side by side stands what the command says at this threshold; return that."""
    options = ("--exam", lab.exam, "--policy", "fair", "--threshold", threshold, "--with", "paper", "--json")
    told: dict[str, Any] = mapd("curate", "compare", *options).json
    table, sides = read_table(page, "precision by the gold check"), (told["first"], told["second"])
    assert next(iter(table.values())) == [f"fair, P(right) > {threshold:.2f}", "paper, mean > 3.00"]
    shares = [f"{x['accepted']:,} ({x['accepted'] / x['rationales']:.0%})" for x in sides]
    assert table["rationales accepted"] == shares
    for source, words in (("gold", "by the gold check"), ("people", "by people")):
        for kind in ("precision", "recall"):
            assert table[f"{kind} {words}"] == [interval(x[source][kind], "{:.1%}") for x in sides]
    expect(page.get_by_text(f"{told['added']:,} added, {told['dropped']:,} dropped")).to_be_visible()
    return told


def see_who_agrees(page: Page, lab: Lab, mapd: Mapd) -> None:
    """The heat map has each reviewer's mean; people have a kappa where they share enough, else how few they share."""
    told = mapd("curate", "agreement", "--exam", lab.exam, "--json").json
    resting.visit(page, f"agreement?exam={lab.exam}")
    texts = picture(page, "agreement_matrix").locator("text").all_text_contents()
    assert len(told["matrix"]) == 6
    for scores in told["matrix"]:
        assert f"{scores['mean']:.2f}n = {scores['votes']}" in texts
    (pair,) = told["between_people"]["before the reveal"]
    people = read_table(page, "people with each other")
    assert people["ann and bob"] == [
        "before the reveal",
        "36",
        f"{pair['agree']['count'] / pair['agree']['of']:.0%}",
        interval(pair["alpha"], "{:.2f}"),
        interval(pair["kappa"], "{:.2f}"),
    ]
    assert read_table(page, "people with the committee")["eve"][-1] == "too few: 6 of 30"


def see_what_is_left(page: Page, lab: Lab, mapd: Mapd) -> None:
    """The estimate is the command's; a target in the form says how many looks it takes."""
    resting.visit(page, f"remaining?exam={lab.exam}")
    told = mapd("curate", "remaining", "--exam", lab.exam, "--target", 1, "--json").json
    left = told["wrong_left_by_probability"]
    assert told["policy"] == "fair"
    expect(page.get_by_role("heading", name=f"About {left['count']:,.0f} wrong rationales are left")).to_be_visible()
    expect(page.get_by_text(f"{left['low']:,.0f} to {left['high']:,.0f} with 95 % confidence")).to_be_visible()
    expect(picture(page, "estimates").locator(".scatterlayer .trace .point")).to_have_count(2)
    type_number(page, "Wrong ones that may stay", "1")
    assert told["looks"]["to_target"] > 0
    expect(page.get_by_text(f"{told['looks']['to_target']:,} looks bring it to 1")).to_be_visible()


def freeze_and_compare(page: Page, lab: Lab, mapd: Mapd) -> None:
    """One exam is frozen alone, then with the other one: what that adds, and where it comes from."""
    resting.visit(page, f"snapshots?exam={lab.exam}")
    alone, alone_sha = freeze(page)
    choose_exam(page, lab)
    expect(page).to_have_url(re.compile(f"with={lab.second}"))
    both, both_sha = freeze(page)
    assert both > alone
    # A reload is the same choice.
    resting.load(page, page.url)
    expect(count_pairs(page)).to_have_text(f"{both:,}")
    click(page, page.get_by_role("radio", name="Compare"))
    told = mapd("snapshots", "diff", alone_sha, both_sha, "--json").json
    assert (len(told["added"]), told["dropped"], told["same"]) == (both - alone, [], alone)
    figures = page.locator("dl.mapd-figures").filter(has_text="mistakes added").locator("dd")
    assert figures.all_inner_texts() == [str(len(told["added"])), "0", "0", str(alone)]
    assert lab.second_name in read_table(page, "made otherwise")["exams"][1]
    click(page, page.get_by_role("radio", name="Lineage"))
    boxes = page.locator(".mapd-lineage li")
    expect(boxes).to_have_count(3)
    expect(boxes.nth(1)).to_contain_text("2 exams over train42 mistakes")
    expect(boxes.last).to_contain_text(f"snapshot {both_sha[:8]}{both} pairs")
    # The other exam has it, too.
    page.get_by_role("row").get_by_role("link", name=lab.second_name, exact=True).click()
    expect(page).to_have_url(re.compile(f"exam={lab.second}"))
    expect(page.get_by_text("of 2 exams")).to_be_visible()


def count_pairs(page: Page) -> Locator:
    return page.locator("dl.mapd-figures div").filter(has_text="training pairs").locator("dd")


def choose_exam(page: Page, lab: Lab) -> None:
    page.get_by_role("combobox", name="Together with").fill(lab.second_name)
    click(page, page.get_by_role("option", name=lab.second_name, exact=True))
    page.keyboard.press("Escape")


def freeze(page: Page) -> tuple[int, str]:
    """Freeze what the form promises; return how many pairs, and the snapshot's name."""
    pairs = int(count_pairs(page).inner_text())
    click(page, page.get_by_role("button", name="Freeze"))
    expect(page.get_by_role("status").filter(has_text=f"frozen: {pairs} pairs")).to_be_visible()
    return pairs, re.search(r"snapshot=(\w+)", page.url)[1]  # type: ignore[index]
