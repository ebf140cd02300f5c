"""The threshold lab as streamlit runs it."""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mapd.curation import live_set, saved_policies
from mapd.curation.selection import narrow
from mapd.curation.summary import summary
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db
from tests.conftest import writing
from tests.fits import make_policy
from tests.pages.running import errors, open_page, shown
from tests.samples import TEACHERS


def lab(**params: str) -> AppTest:
    return open_page("pages/curate/threshold.py", **params)


def number(app: AppTest, name: str) -> int:
    """The chosen policy's number in the row of this name."""
    row = re.search(rf"<tr><td[^>]*>{name}</td><td[^>]*>([\d,]+)</td>", shown(app))
    assert row, name
    return int(row[1].replace(",", ""))


def test_without_an_exam_it_says_what_to_do(home: Path) -> None:
    app = lab()
    assert "No exam yet" in " ".join(m.value for m in app.markdown)
    assert not app.select_slider


WRONG = [("threshold", "9"), ("policy", "foo"), ("votes", "0"), ("checks", "matches_gold"), ("leniency", "much")]


@pytest.mark.parametrize(("key", "wrong"), WRONG)
def test_what_no_policy_can_be_is_refused_in_a_line(full_home: Path, key: str, wrong: str) -> None:
    app = lab(**{key: wrong})
    assert f"this address asks for {key} {wrong}, which can&#x27;t be" in errors(app)[0]
    covered = [e.proto.body for folded in app.get("popover") for e in folded.get("html")]
    assert not [body for body in covered if "which can" in body], "it is seen with the conditions closed"
    assert number(app, "rationales accepted") == 24
    assert wrong not in app.query_params.get(key, "")


def test_the_threshold_redecides_everything_and_saves_nothing(full_home: Path) -> None:
    app = lab()
    # of each three questions' nine rationales three have 5 and 5, three 5 and 1, three 4 and 3
    assert number(app, "rationales accepted") == 24
    app.select_slider(key="threshold").set_value(1.0).run()
    assert number(app, "rationales accepted") == 36
    app.select_slider(key="threshold").set_value(3.5).run()
    assert number(app, "rationales accepted") == 12
    assert "Not saved" in shown(app)
    assert "Saved" in shown(lab())
    assert shown(app).count('<details class="mapd-row">') == 12, "each rationale that would be dropped is a row"


def test_the_slider_has_the_thresholds_that_decide_something(full_home: Path) -> None:
    app = lab()
    slider = app.select_slider(key="threshold")
    # Below the lowest mean, and at each mean: 3, 3.5 and 5.
    assert slider.options == ["1", "3", "3.5", "5"]
    assert "Between 3.00 and 3.49 no rationale and no pair changes." in [caption.value for caption in app.caption]
    app = lab(threshold="3.70")
    assert (app.select_slider(key="threshold").value, number(app, "rationales accepted")) == (3.7, 12)
    assert app.select_slider(key="threshold").options == ["1", "3", "3.5", "3.7", "5"]
    assert "Between 3.50 and 4.99 no rationale and no pair changes." in [caption.value for caption in app.caption]
    app.select_slider(key="threshold").set_value(3.0).run()
    assert app.select_slider(key="threshold").options == ["1", "3", "3.5", "5"]
    assert number(app, "rationales accepted") == 24


def test_the_address_holds_the_threshold(full_home: Path) -> None:
    assert number(lab(threshold="3.5"), "rationales accepted") == 12


def test_the_set_is_narrowed_to_teachers_in_the_address(full_home: Path) -> None:
    whole, one = lab(), lab(teachers="gpt")
    assert number(whole, "rationales accepted") == 24
    with db.reading(db.open_store(Settings())) as session:
        curated = narrow(live_set.load_curated(session, 1), ("gpt",))
    assert number(one, "rationales accepted") == summary(curated).accepted == 8
    assert number(one, "mistakes covered") == summary(curated).mistakes_covered
    one.select_slider(key="threshold").set_value(3.5).run()
    assert number(one, "rationales accepted") == 4
    assert shown(one).count('<details class="mapd-row">') == 4
    one.multiselect(key="teachers").set_value([]).run()
    assert number(one, "rationales accepted") == 12
    assert "this address asks for teachers nobody" in errors(lab(teachers="nobody"))[0]


def test_the_address_holds_the_conditions(full_home: Path) -> None:
    app = lab(checks="shows work", leniency="true")
    assert not errors(app)
    assert "1 valid vote, shows work, scores corrected for leniency" in shown(app)


def test_use_for_this_exam_saves_it(full_home: Path) -> None:
    app = lab(threshold="3.5")
    app.button(key="use_policy").click().run()
    assert "Not saved" not in shown(app)
    assert number(lab(), "rationales accepted") == 12


def test_another_policy_brings_its_own_conditions(full_home: Path) -> None:
    app = lab()
    app.selectbox(key="policy").set_value("strict").run()
    assert app.number_input(key="votes").value == 2
    assert number(app, "rationales accepted") < 24


def test_a_policy_that_was_just_saved_is_saved_and_not_in_use_yet(full_home: Path) -> None:
    app = lab()
    app.number_input(key="votes").set_value(2).run()
    assert "Not saved" in shown(app)
    next(field for field in app.text_input if field.label == "Save under a name").set_value("mine")
    next(b for b in app.button if b.label == "Save policy").click().run()
    assert "Not saved" not in shown(app)
    assert "<b>Saved, not in use</b> mine: mean &gt; 3.00, 2 valid votes" in shown(app)
    app.button(key="use_policy").click().run()
    assert "<b>Saved, in use</b> mine" in shown(app)
    assert "<b>Not in use</b> strict" in shown(lab(policy="strict"))


def test_a_fitted_policy_has_a_slider_of_probabilities(full_home: Path) -> None:
    with writing(db.open_store(Settings())) as session:
        policy = saved_policies.save_policy(session, make_policy(TEACHERS), by=owner("ann"))
        curated = live_set.load_curated(session, 1, policy)
    app = lab()
    app.selectbox(key="policy").set_value("fitted").run()
    assert not app.exception
    slider = app.select_slider(key="threshold")
    assert (slider.label, slider.value) == ("Accepted if the probability that it is right is above", 0.5)
    cuts = {x.final_cut for x in curated.rationales}
    assert slider.options == [f"{step / 100:g}" for step in sorted({0, 50, *cuts})]
    assert number(app, "rationales accepted") == summary(curated).accepted
    assert "fitted: P(right) &gt; 0.50, 1 valid vote, no check, fitted on people’s judgements, version 1" in shown(app)
    assert any("The figures are of the rationales that people judged" in caption.value for caption in app.caption)
    high = max(cuts) / 100 - 0.01
    app = lab(policy="fitted", threshold=f"{high}")
    assert app.select_slider(key="threshold").value == high
    with db.reading(db.open_store(Settings())) as session:
        above = summary(live_set.load_curated(session, 1, policy.at(high))).accepted
    assert number(app, "rationales accepted") == above < summary(curated).accepted
    app.button(key="use_policy").click().run()
    assert not app.exception
    # From the queue index now.
    assert number(lab(), "rationales accepted") == above
    app = lab(threshold="3.5")
    assert "this address asks for threshold 3.5" in errors(app)[0]
    app = lab(policy="paper")
    assert (app.select_slider(key="threshold").options[-1], number(app, "rationales accepted")) == ("5", 24)
    # What a widget that is off can't take isn't dropped in silence either.
    app = lab(policy="fitted", leniency="true")
    assert (
        "this address asks for leniency true, which can&#x27;t be: false, for this policy is fitted" in errors(app)[0]
    )


def test_two_policies_stand_side_by_side(full_home: Path) -> None:
    with writing(db.open_store(Settings())) as session:
        saved_policies.save_policy(session, make_policy(TEACHERS), by=owner("ann"))
    app = lab(threshold="1")
    app.selectbox(key="with").set_value("fitted").run()
    assert not app.exception
    assert app.select_slider(key="with_threshold").value == 0.5
    html = shown(app)
    assert "paper, mean &gt; 1.00" in html
    assert "fitted, P(right) &gt; 0.50" in html
    # Four of 36 end in a wrong answer; nobody judged any.
    assert "88.9%" in html
    assert "quality by people" in html
    assert any("One axis for both" in caption.value for caption in app.caption)
    assert any("What the change from the first" in heading.value for heading in app.subheader)
    assert not any("Rationales by P(right)" in caption.value for caption in app.caption)
    app.toggle(key="reliability").set_value(True).run()
    assert not app.exception
    assert any("Rationales by P(right)" in caption.value for caption in app.caption)
    # The address has both; what can't be is refused in a line.
    app = lab(**{"with": "fitted", "with_threshold": "0.7", "reliability": "true"})
    assert "fitted, P(right) &gt; 0.70" in shown(app)
    assert "this address asks for with_threshold 4" in errors(lab(**{"with": "fitted", "with_threshold": "4"}))[0]
    assert "this address asks for with foo" in errors(lab(**{"with": "foo"}))[0]
