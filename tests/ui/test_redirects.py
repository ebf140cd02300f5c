"""Which addresses lead to the page above them."""

import pytest

from mapd.ui.kit.responses import page_of


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/", None),
        ("/triage", None),
        ("/triage/", None),
        ("/triage/foo", "../triage"),
        ("/triage/foo/bar", "../../triage"),
        ("/a b:c\r\n/foo", "../a%20b%3Ac%0D%0A"),
        ("/_stcore/health", None),
        ("/static/js/index.js", None),
    ],
)
def test_what_is_behind_a_page_leads_to_it(path: str, page: str | None) -> None:
    assert page_of(path) == page


def test_below_a_prefix_the_page_is_the_part_behind_it() -> None:
    assert page_of("/mapd/triage", "mapd") is None
    assert page_of("/mapd/triage/foo", "/mapd/") == "../triage"
