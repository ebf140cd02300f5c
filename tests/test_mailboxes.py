"""One spelling for each mailbox: what isn't spelled so is refused, never mended into somebody else's."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mapd.errors import BadInput
from mapd.mailboxes import domain, mailbox

ANN = "ann.kay@six.org"
LOOK_ALIKES = [  # everything that some fold or form of Unicode makes one of these letters of
    chr(n)
    for n in range(0x80, 0x30000)
    if {chr(n).lower(), chr(n).upper().lower(), chr(n).casefold(), unicodedata.normalize("NFKC", chr(n)).lower()}
    & set("anksixorgy.@")
]


@pytest.mark.parametrize(
    ("address", "spelling"),
    [
        ("Ann@X.org", "ann@x.org"),
        ("ann.o'neil+tag@x.org", "ann.o'neil+tag@x.org"),
        ("ann@münchen.de", "ann@xn--mnchen-3ya.de"),
        ("ann@xn--mnchen-3ya.de", "ann@xn--mnchen-3ya.de"),
        ("ANN@XN--MNCHEN-3YA.DE", "ann@xn--mnchen-3ya.de"),
        ("ann@straße.de", "ann@xn--strae-oqa.de"),
        ("ann@lab.local", "ann@lab.local"),
    ],
)
def test_a_mailbox_has_one_spelling(address: str, spelling: str) -> None:
    assert mailbox(address) == spelling


@pytest.mark.parametrize(
    "address",
    [
        *("", "@", "ann", "ann@", "@x.org", "ann@x", "ann@localhost", "ann@[127.0.0.1]"),
        *("ann@x.org ", " ann@x.org", "ann@x.org\t", "ann@x.org\n", "ann@x.org\x00", "ann@x.org\u00a0", "a nn@x.org"),
        *("ann@x.org@y.org", "ann@@x.org", "ann@x.org,eve@y.org", "ann@x.org;eve@y.org"),
        *('"ann"@x.org', '"ann@x.org"@y.org', "ann(owner)@x.org", "Ann <ann@x.org>", "<ann@x.org>", "mailto:ann@x.org"),
        *("an\u212a@x.org", "ann@\u212ax.org", "\uff41nn@x.org", "ann@\uff58.org", "ann@x\u3002org", "\ufb01n@x.org"),
        *("a\u200bnn@x.org", "ann@x\u200b.org", "ann\u202e@x.org", "\ufeffann@x.org", "a\u00adnn@x.org"),
        *("\u0430nn@x.org", "j\u00f6rg@x.org", "jo\u0308rg@x.org", "ann@M\u00dcNCHEN.de", "ann@mu\u0308nchen.de"),
        *("ann@x.org.", ".ann@x.org", "ann.@x.org", "a..nn@x.org", "ann@x..org", "ann@-x.org", "ann@xn--a.org"),
        "a" * 250 + "@x.org",
    ],
)
def test_what_is_no_mailbox_as_it_is_written_is_refused_in_one_line_that_shows_it(address: str) -> None:
    with pytest.raises(BadInput) as refusal:
        mailbox(address)
    assert str(refusal.value).isprintable()
    assert str(refusal.value).isascii()


@given(st.text(max_size=40) | st.emails() | st.sampled_from(LOOK_ALIKES).map(lambda c: f"an{c}@six.org"))
def test_what_is_taken_differs_from_its_spelling_in_the_case_of_ascii_letters_alone(address: str) -> None:
    try:
        spelling = mailbox(address)
    except BadInput:
        return
    assert mailbox(spelling) == spelling
    assert spelling.isascii()
    if address.isascii():
        assert address.lower() == spelling


@given(st.data(), st.integers(0, len(ANN)))
def test_no_change_of_an_address_is_taken_for_it(data: st.DataObject, at: int) -> None:
    """Put in, or in the place of a letter, anything at all; what can pass for a letter more often."""
    other = data.draw(st.sampled_from(LOOK_ALIKES) | st.characters())
    for changed in (ANN[:at] + other + ANN[at:], ANN[:at] + other + ANN[at + 1 :]):
        try:
            spelling = mailbox(changed)
        except BadInput:
            continue
        assert (spelling == ANN) is (changed.lower() == ANN and changed.isascii()), ascii(changed)


@given(st.text(min_size=0, max_size=3), st.text(min_size=0, max_size=3))
@example("", " ")
@example("\t", "")
def test_nothing_around_an_address_is_stripped(before: str, behind: str) -> None:
    try:
        spelling = mailbox(before + ANN + behind)
    except BadInput:
        return
    assert spelling != ANN or (before + ANN + behind).lower() == ANN


@pytest.mark.parametrize(
    ("entry", "spelling"),
    [
        ("@X.org", "@x.org"),
        ("@x.org.", "@x.org"),
        ("@münchen.de", "@xn--mnchen-3ya.de"),
        ("@XN--mnchen-3ya.de", "@xn--mnchen-3ya.de"),
    ],
)
def test_a_domain_stands_for_its_mailboxes(entry: str, spelling: str) -> None:
    assert domain(entry) == spelling


@pytest.mark.parametrize(
    "entry", ["@", "@org", "@x.org@y.org", "@ x.org", "@x.org..", "@\u212ax.org", "@*.org", "@[::1]"]
)
def test_what_is_no_domain_is_refused(entry: str) -> None:
    with pytest.raises(BadInput, match="no e-mail domain"):
        domain(entry)
