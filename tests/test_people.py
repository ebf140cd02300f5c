"""The names under which people act, what they may do, and who of those that sign in is let in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapd.errors import BadInput, Forbidden
from mapd.people import READER, Person, Right, Role, admit, may, owner, person_name, require
from mapd.settings import Settings

ANN = {"email": "Ann@X.org", "email_verified": True}
OWNER, ANNOTATOR = Person("ann@x.org", Role.OWNER), Person("ann@x.org", Role.ANNOTATOR)


def test_owners_and_annotators_are_let_in_under_their_e_mail() -> None:
    assert admit(ANN, ["ann@x.org"], []) == OWNER
    assert admit(ANN, ["eve@y.org"], ["ann@x.org"]) == ANNOTATOR
    assert admit(ANN, ["eve@y.org"], ["@x.org"]) == ANNOTATOR
    assert admit(ANN, ["ann@x.org"], ["@x.org"]).owns, "an owner is one, whatever else they are"


@pytest.mark.parametrize(
    ("claims", "owners", "annotators", "message"),
    [
        (ANN, [], ["@x.org"], "no owner is named"),
        (ANN, ["eve@y.org"], [], "ann@x.org is none of this project's people"),
        (ANN, ["eve@y.org"], ["@org", "@evil-x.org", "x.org"], "none of this project's people"),
        ({"email": "eve@y.org@x.org", "email_verified": True}, ["eve@y.org"], ["@x.org"], "no e-mail address"),
        ({"email": "ann@x.org "} | {"email_verified": True}, ["ann@x.org"], ["@x.org"], "no e-mail address"),
        ({"email": "an\u212a@x.org", "email_verified": True}, ["ank@x.org"], ["@x.org"], r"'an\\u212a@x.org' is no"),
        ({"email": "ann@x.org"}, ["ann@x.org"], [], "doesn't say that 'ann@x.org' is verified"),
        ({"email": "ann@x.org", "email_verified": "true"}, ["ann@x.org"], [], "is verified"),
        ({"email_verified": True}, ["ann@x.org"], [], "tells no e-mail"),
        ({"email": ["ann@x.org"], "email_verified": True}, ["ann@x.org"], [], "tells no e-mail"),
        ({}, ["ann@x.org"], ["@"], "tells no e-mail"),
    ],
)
def test_others_are_told_why_not(claims, owners, annotators, message) -> None:
    with pytest.raises((BadInput, Forbidden), match=message):
        admit(claims, owners, annotators)


@given(st.text(max_size=200))
def test_a_name_is_one_line_in_lower_case_and_stays_what_it_is(name: str) -> None:
    try:
        kept = person_name(name)
    except BadInput:
        return
    assert kept == person_name(kept)
    assert "\n" not in kept


@pytest.mark.parametrize("name", ["", " \t", "x" * 255])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="1 to 254 characters"):
        owner(name)


def test_an_annotator_judges_and_an_owner_may_do_all() -> None:
    assert {right for right in Right if may(ANNOTATOR, right)} == {Right.JUDGE, Right.SAVE_VIEW}
    assert all(may(OWNER, right) for right in Right)
    assert require(ANNOTATOR, Right.JUDGE) == "ann@x.org"
    with pytest.raises(Forbidden, match=r"ann@x\.org may not freeze snapshots here; an owner"):
        require(ANNOTATOR, Right.FREEZE)


def test_nothing_is_kept_under_no_name() -> None:
    with pytest.raises(BadInput, match="give yours first"):
        require(READER, Right.JUDGE)


def test_the_settings_name_people_with_commas_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPD_OWNERS", " Ann@x.org, bob@münchen.de ,")
    monkeypatch.setenv("MAPD_ANNOTATORS", "@X.org.")
    assert Settings().owners == ("ann@x.org", "bob@xn--mnchen-3ya.de")
    assert Settings().annotators == ("@x.org",)


@pytest.mark.parametrize(
    "wrong", ["ann", "@x.org", "ann@x.org bob@y.org", '"ann"@x.org', "ann@x.org@y.org", "ann@\u212ax.org"]
)
def test_an_owner_who_is_no_mailbox_is_refused(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("MAPD_OWNERS", wrong)
    with pytest.raises(BadInput, match=r"MAPD_OWNERS can't be .*no e-mail address.*commas between"):
        Settings()
