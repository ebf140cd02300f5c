"""The names under which people act, and who of those that sign in is let in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapd.errors import BadInput
from mapd.people import SignedIn, admitted, person_name
from mapd.settings import Settings

ANN = {"email": "Ann@X.org", "email_verified": True}


def test_owners_and_annotators_are_let_in_under_their_e_mail() -> None:
    assert admitted(ANN, ["ann@x.org"], []) == SignedIn("ann@x.org", owns=True)
    assert admitted(ANN, ["eve@y.org"], ["ann@x.org"]) == SignedIn("ann@x.org", owns=False)
    assert admitted(ANN, ["eve@y.org"], ["@x.org"]) == SignedIn("ann@x.org", owns=False)
    assert admitted(ANN, ["ann@x.org"], ["@x.org"]).owns, "an owner is one, whatever else they are"


@pytest.mark.parametrize(
    ("claims", "owners", "annotators", "said"),
    [
        (ANN, [], ["@x.org"], "no owner is named"),
        (ANN, ["eve@y.org"], [], "ann@x.org is none of this project's people"),
        (ANN, ["eve@y.org"], ["@org", "@evil-x.org", "x.org"], "none of this project's people"),
        ({"email": "eve@y.org@x.org", "email_verified": True}, ["eve@y.org"], [], "none of this"),
        ({"email": "ann@x.org"}, ["ann@x.org"], [], "doesn't say that ann@x.org is verified"),
        ({"email": "ann@x.org", "email_verified": "true"}, ["ann@x.org"], [], "is verified"),
        ({"email_verified": True}, ["ann@x.org"], [], "tells no e-mail"),
        ({}, ["ann@x.org"], ["@"], "tells no e-mail"),
    ],
)
def test_others_are_told_why_not(claims, owners, annotators, said) -> None:
    with pytest.raises(BadInput, match=said):
        admitted(claims, owners, annotators)


@given(st.text(max_size=200))
def test_a_name_is_one_line_in_lower_case_and_stays_what_it_is(name: str) -> None:
    try:
        kept = person_name(name)
    except BadInput:
        return
    assert kept == person_name(kept)
    assert "\n" not in kept


def test_the_settings_name_people_with_commas_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPD_OWNERS", " Ann@x.org, bob@y.org ,")
    monkeypatch.setenv("MAPD_ANNOTATORS", "@x.org")
    assert Settings().owners == ("ann@x.org", "bob@y.org")
    assert Settings().annotators == ("@x.org",)
    for wrong in ("ann", "@x.org"):
        monkeypatch.setenv("MAPD_OWNERS", wrong)
        with pytest.raises(BadInput, match=rf"MAPD_OWNERS can't be {wrong}.*no e-mail"):
            Settings()
