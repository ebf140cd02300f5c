"""Near-duplicates and balance: what is left out, that it is said, and that the same input leaves out the same."""

import json
import random
from typing import Any, NamedTuple

import pytest
from sqlmodel import Session

from mapd.curation import live_set, snapshots
from mapd.curation.likeness import CandidateIndex
from mapd.curation.near_duplicates import PairTexts, find_near_duplicates
from mapd.curation.trimming import Balance, Trimming, balance_pairs, read_trimming, trim
from mapd.domain import ExamInfo
from mapd.errors import BadInput
from mapd.people import owner
from mapd.questions.wordings import measure_likeness, read_wording

ANN = owner("ann")
SOLUTION = "First we count the pens that she has at the start and then we add the new ones to them. "


class PlainPair(NamedTuple):
    """A pair, as far as it is trimmed."""

    name: str
    pair_texts: PairTexts
    task: str = "numeric"
    author: str = "gpt"


def texts(question: str, *others: str) -> PairTexts:
    return PairTexts((question,), others)


def near(*pairs: PairTexts, at: float = 0.9) -> list[tuple[int, int]]:
    return [(x.place, x.of) for x in find_near_duplicates(pairs, at)]


def test_a_normal_form_is_blind_to_spelling_alone() -> None:
    first, second = (read_wording([x]) for x in ("Tom's 1,000 pens,  3.0 cups!", "tom’s 1000 PENS (3 cups)"))
    assert first.normal == second.normal == "tom 1000 pens 3 cups"
    assert first.numbers == ("1000", "3")
    assert read_wording(["two cups and 12 pens"]).numbers == ("2", "12")
    assert read_wording(["0.50 and 007"]).numbers == ("0.5", "7")
    assert read_wording(["", "?!"]).normal == ""


def test_a_template_blanks_numbers_and_names_alone() -> None:
    template = read_wording(["Ann has 12 pens. How many has she?"]).template
    assert template == "# has # pens how many has they", "a pronoun goes with a name"
    assert read_wording(["Mary Ann has 7 pens. How many has she?"]).template == template
    assert read_wording(["Ann has 12 cups. How many has she?"]).template != template


def test_features_bind_numbers_to_what_they_count() -> None:
    hens, cows = (read_wording([f"{x} stand here, legs?"]).features for x in ("3 hens and 2 cows", "3 cows and 2 hens"))
    assert 0.3 < measure_likeness(hens, cows) < 0.7
    assert measure_likeness(hens, hens) == 1
    assert measure_likeness(frozenset(), frozenset()) == 1


def test_what_says_nearly_the_same_is_near_and_other_numbers_are_not() -> None:
    first = texts("Ann has 12 pens and gets 5 more.", SOLUTION + "12 + 5 = 17")
    second = texts("Ann has 12 pens and gets 5 more!", SOLUTION.replace("new ones", "new pens") + "12 + 5 = 17")
    other_numbers = texts("Ann has 13 pens and gets 5 more.", SOLUTION + "13 + 5 = 18")
    other_text = texts("Ann has 12 pens and gets 5 more.", "12 + 5 is 17, for 12 + 5 = 10 + 7, so that is it")
    shuffled = texts("Ann has 12 pens and gets 5 more.", " ".join(reversed((SOLUTION + "12 + 5 = 17").split())))
    assert near(first, other_numbers, second, other_text, shuffled) == [(2, 0)]
    assert near(first, second, at=1.0) == []
    assert near(first, first, at=1.0) == [(1, 0)]


def test_there_are_no_chains() -> None:
    words = [f"w{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(60)]
    chain = [texts("How?", " ".join(words[n * 4 : n * 4 + 40])) for n in range(4)]
    # Each is near its neighbour alone; the third is held against the first, which stays, and not against the second.
    assert near(*chain, at=0.88) == [(1, 0), (3, 2)]


def test_no_near_one_is_missed() -> None:
    rng = random.Random(0)
    pairs: list[PairTexts] = []
    for _ in range(60):
        words = [rng.choice("alpha beta gamma delta epsilon zeta eta theta iota kappa".split()) for _ in range(30)]
        pairs.append(texts("Which?", " ".join(words)))
        words[rng.randrange(30)] = "omega"
        pairs.append(texts("Which?", " ".join(words)))
    found = {place for place, _ in near(*pairs)}
    assert found == set(range(1, 120, 2)), "30 of 31 words are the same"


def test_the_work_on_a_set_is_bounded() -> None:
    index = CandidateIndex([{"a"}] * 10, 1.0)
    for key in range(1_000):
        index.add(key, {"a"})
    assert len(list(index.find({"a"}))) == 100


@pytest.mark.parametrize("threshold", [0.5, 1.5, float("nan")])
def test_a_likeness_that_can_not_be_is_refused(threshold: float) -> None:
    with pytest.raises(BadInput, match=r"from 0\.7 to 1"):
        Trimming(near=threshold)


@pytest.mark.parametrize(("by", "most", "words"), [("exam", None, "task or teacher"), ("task", 0, "at least 1 pair")])
def test_a_balance_that_can_not_be_is_refused(by: str, most: int | None, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Balance(by, most)


def plain(number: int, author: str, task: str = "numeric") -> PlainPair:
    return PlainPair(f"{author}{number}", texts(f"How many are {number}?", f"It is {number}"), task, author)


def test_balanced_are_as_many_of_each_or_at_most_so_many() -> None:
    pairs = [plain(n, "gpt") for n in range(9)] + [plain(n, "gemini") for n in range(4)] + [plain(0, "mistral", "text")]
    equal, uneven = balance_pairs(pairs, Balance("teacher"), seed=0)
    assert ([x.author for x in equal], uneven) == (["gpt", "gemini", "mistral"], {"gemini": 3, "gpt": 8})
    three, uneven = balance_pairs(pairs, Balance("teacher", 3), seed=0)
    assert [x.author for x in three] == ["gpt"] * 3 + ["gemini"] * 3 + ["mistral"]
    assert uneven == {"gemini": 1, "gpt": 6}
    assert balance_pairs(pairs, Balance("teacher", 3), seed=0)[0] == three
    assert balance_pairs(pairs, Balance("teacher", 3), seed=1)[0] != three
    assert [x.task for x in balance_pairs(pairs, Balance("task"), seed=0)[0]] == ["numeric", "text"]
    assert balance_pairs([], Balance("task"), seed=0) == ([], {})
    # One more of another teacher moves none of these.
    more = balance_pairs([*pairs, plain(9, "mistral")], Balance("teacher", 3), seed=0)[0]
    assert more[:7] == three


def test_near_ones_go_before_the_balance_is_found() -> None:
    pairs = [plain(1, "gpt"), plain(1, "gpt"), plain(2, "gemini")]
    trimmed = trim(pairs, Trimming(1.0, Balance("teacher")), seed=0)
    assert (list(trimmed.pairs), dict(trimmed.uneven)) == ([pairs[0], pairs[2]], {})
    assert [x for *_, x in trimmed.near] == [1.0]


@pytest.mark.parametrize(
    "trimming", [Trimming(), Trimming(0.8), Trimming(0.9, Balance("task")), Trimming(None, Balance("teacher", 7))]
)
def test_a_manifest_says_what_is_left_out_as_it_is_read_back(trimming: Trimming) -> None:
    assert read_trimming(json.loads(json.dumps(trimming.as_dict()))) == trimming
    assert read_trimming(Trimming(leaks=True).as_dict()) == Trimming()


def manifest_of(session: Session, exam: ExamInfo, **options: Any) -> dict[str, Any]:
    curated = live_set.load_curated(session, exam.id)
    return snapshots.freeze(session, curated, by=ANN, **options).manifest


def test_what_is_left_out_stands_in_the_manifest(session: Session, exam: ExamInfo) -> None:
    plain_manifest = manifest_of(session, exam, everything=True)
    assert "left_out" not in plain_manifest
    # Two teachers wrote the same rationale; the feedbacks differ in a name.
    manifest = manifest_of(session, exam, everything=True, trimming=Trimming(0.9, Balance("teacher", 3)))
    assert manifest["draw"]["near_duplicates"] == 0.9
    assert manifest["draw"]["balance"] == {"by": "teacher", "most": 3}
    near, unbalanced = (manifest["left_out"][name] for name in ("near_duplicates", "unbalanced"))
    assert manifest["counts"]["near_duplicates"] == len(near) > 0
    assert manifest["counts"]["unbalanced_pairs"] == sum(unbalanced.values()) > 0
    left_out = len(near) + sum(unbalanced.values())
    assert manifest["counts"]["pairs"] + left_out == plain_manifest["counts"]["pairs"]
    assert set(manifest["counts"]["pairs_by_teacher"].values()) <= {1, 2, 3}
    for names, other_names, likeness in near:
        assert names != other_names
        assert 0.9 <= likeness <= 1
    assert manifest == manifest_of(session, exam, everything=True, trimming=Trimming(0.9, Balance("teacher", 3)))
