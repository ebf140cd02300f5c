"""The demo's questions are right, distinct, the same for a seed, and can be read back from their text."""

import re
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapd.answers.grading import Task, answers_equal, extract_answer
from mapd.errors import BadInput
from mapd.questions import generated

SEEDS = st.integers(0, 10_000)
FAMILY = st.sampled_from(generated.FAMILIES)


@settings(deadline=None)  # the first call of a family lists all there is
@given(FAMILY, st.integers(1, 300), SEEDS)
def test_every_question_is_read_back_from_its_text(family: str, count: int, seed: int) -> None:
    made = generated.generate(family, count, seed)
    assert [generated.read(m.text) for m in made] == made
    assert len({m.text for m in made}) == count


@settings(deadline=None)
@given(FAMILY, SEEDS)
def test_a_seed_names_its_questions(family: str, seed: int) -> None:
    assert generated.generate(family, 20, seed) == generated.generate(family, 20, seed)
    assert generated.generate(family, 20, seed) != generated.generate(family, 20, seed + 1)


@settings(deadline=None)
@given(FAMILY, SEEDS)
def test_no_two_questions_have_the_same_facts(family: str, seed: int) -> None:
    facts = [m.facts for m in generated.generate(family, 260, seed)]
    assert len({frozenset(f.herds) if isinstance(f, generated.Legs) else f for f in facts}) == 260


def test_a_sum_is_what_the_text_calculates() -> None:
    for made in generated.generate("chain_sum", 1_899, 0):
        chain = re.search(r"\d [-+] \d [-+] \d", made.text)
        assert chain
        assert made.gold == str(eval(chain[0])), made.text
        assert int(made.gold) >= 0


def test_legs_are_counted_from_the_text() -> None:
    for made in generated.generate("leg_counting", 1_125, 0):
        herds = re.findall(r"(\d) (\w+)", made.text)
        legs = [generated.ANIMALS[animal if count == "1" else animal.removesuffix("s")] for count, animal in herds]
        assert made.gold == str(sum(int(c) * n for (c, _), n in zip(herds, legs, strict=True))), made.text


def family_tree(text: str) -> tuple[dict[str, set[str]], dict[str, str]]:
    """Parents by child and gender by person, with an unnamed parent where two are siblings: written from the text."""
    parents: dict[str, set[str]] = {}
    gender: dict[str, str] = {}
    for sentence in re.findall(r"\w+ is [^.?]*(?=\.)", text):
        words = sentence.replace("'s", "").split()
        person, word, of = (words[0], words[3], words[5]) if "the" in words else (words[0], words[3], words[2])
        gender[person] = "woman" if word in ("mother", "daughter", "sister") else "man"
        if word in ("mother", "father"):
            parents.setdefault(of, set()).add(person)
        elif word in ("son", "daughter"):
            parents.setdefault(person, set()).add(of)
        else:
            assert word in ("brother", "sister")
            for sibling in (person, of):
                parents.setdefault(sibling, set()).add(f"parent of {person} and {of}")
    return parents, gender


def kin(text: str) -> str:
    """Who the first is to the last, by counting generations up to a shared ancestor: not the way the module does it."""
    parents, gender = family_tree(text)
    asked = re.search(r"What is (\w+) to (\w+)\?", text)
    assert asked

    def ancestors(person: str) -> dict[str, int]:
        found, layer, depth = {}, {person}, 0
        while layer:
            found.update({p: depth for p in layer if p not in found})
            layer = {q for p in layer for q in parents.get(p, ())}
            depth += 1
        return found

    up, down = ancestors(asked[1]), ancestors(asked[2])
    shortest = min((up[p] + down[p], up[p], down[p]) for p in up.keys() & down.keys())
    words = {
        (0, 2): ("grandmother", "grandfather"),
        (2, 0): ("granddaughter", "grandson"),
        (1, 1): ("sister", "brother"),
        (1, 2): ("aunt", "uncle"),
        (2, 1): ("niece", "nephew"),
        (2, 2): ("cousin", "cousin"),
    }
    return words[shortest[1:]][gender[asked[1]] == "man"]


def test_kinship_is_right_by_another_way_of_solving_it() -> None:
    made = generated.generate("kinship", 3_000, 0)
    assert [m.gold for m in made] == [kin(m.text) for m in made]


def test_names_are_used_as_of_one_gender() -> None:
    for made in generated.generate("kinship", 600, 1):
        _, gender = family_tree(made.text)
        assert all((person in generated.MEN) == (g == "man") for person, g in gender.items())


@pytest.mark.parametrize("split", [30, 60, 120])
def test_the_most_frequent_word_of_kinship_is_two_in_fifteen(split: int) -> None:
    words = Counter(m.gold for m in generated.generate("kinship", split, 3))
    assert len(words) == 11
    assert max(words.values()) / split == pytest.approx(2 / 15)


def test_relations_are_known_both_ways() -> None:
    made = generated.read("Eva is Leo's daughter. Leo is Tom's son. Tom is Max's father. What is Eva to Max?")
    assert made is not None
    facts = made.facts
    assert isinstance(facts, generated.Kinship)
    known = {(a, b): generated.relation(facts, a, b) for a in facts.people for b in facts.people if a != b}
    assert known["Eva", "Max"] == made.gold == "niece"
    assert known["Max", "Eva"] == "uncle"
    assert known["Leo", "Max"] == "brother"
    assert known["Tom", "Eva"] == "grandfather"
    assert generated.relation(facts, "Eva", "Ann") is None


def test_what_is_not_certain_does_not_follow() -> None:
    assert generated.compose("mother", "brother") is None  # she may be his stepmother
    assert generated.compose("sister", "sister") is None
    assert generated.compose("wife", "father") is None
    assert generated.compose("son", "aunt") == "cousin"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "What is 14 + 7 - 2?",
        "What is 4 + 7?",
        "What is 1 - 9 + 9?",
        "What is 4 + 7 - 2? Say why.",
        "A farm has 6 cows and 2 hens. How many legs is that in all?",
        "A farm has 3 cows and 2 cows. How many legs is that in all?",
        "A farm has 3 cow and 2 hens. How many legs is that in all?",
        "A farm has 3 unicorns and 2 hens. How many legs is that in all?",
        "Ann is the father of Ben. Ben is the father of Leo. What is Ann to Leo?",
        "Ann is the mother of Ben. Leo is the father of Max. What is Ann to Max?",
        "Ann is the mother of Ben. Ben is the father of Ann. What is Ann to Ann?",
        "Ann is the mother of Ben. Ben is the brother of Leo. What is Ann to Leo?",
        "Ann is the wife of Ben. Ben is the father of Leo. What is Ann to Leo?",
        "Ann is the mother of Ben. Ben is the father of Leo. What is Ben to Leo?",
    ],
)
def test_what_is_never_made_is_not_read(text: str) -> None:
    assert generated.read(text) is None


@given(st.text(max_size=200))
def test_no_text_breaks_the_reading(text: str) -> None:
    assert generated.read(text) is None


@pytest.mark.parametrize("family", generated.FAMILIES)
def test_a_gold_is_read_from_an_answer(family: str) -> None:
    for made in generated.generate(family, 50, 0):
        answer = extract_answer(f"Answer: {made.gold}", made.task)
        assert answer is not None
        assert answers_equal(answer, made.gold, made.task)
        assert made.task is (Task.TEXT if family == "kinship" else Task.NUMERIC)


@pytest.mark.parametrize(("family", "has"), [("leg_counting", 1_125), ("chain_sum", 1_899), ("kinship", 5_400)])
def test_a_family_gives_what_it_has_and_says_how_much(family: str, has: int) -> None:
    assert len({m.text for m in generated.generate(family, has, 0)}) == has
    for count in (has + 1, 0, -1):
        with pytest.raises(BadInput, match=rf"{family} can't give {count} .* 1 to {has}$"):
            generated.generate(family, count, 0)


def test_an_unknown_family_is_refused_with_those_there_are() -> None:
    with pytest.raises(BadInput, match="no family of questions 'sums': it is one of leg_counting, chain_sum, kinship"):
        generated.generate("sums", 1, 0)


def test_splits_are_disjoint_and_of_the_size_asked_for() -> None:
    drawn = generated.draw(generated.FAMILIES, {"train": 60, "dev": 120, "test": 80}, seed=0)
    assert Counter((d.split, d.question.family) for d in drawn) == {
        (split, family): n
        for split, n in {"train": 60, "dev": 120, "test": 80}.items()
        for family in generated.FAMILIES
    }
    assert len({d.question.text for d in drawn}) == len(drawn) == 780
    assert all(
        a.split == b.split or (a.split, b.split) in {("train", "dev"), ("dev", "test")} for a, b in pairwise(drawn)
    )


def test_words_are_compared_without_algebra(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []  # sympy takes a quarter of a second for each "niece" against "nephew"
    monkeypatch.setattr("math_verify.parse", lambda *args, **kwargs: asked.append(args))
    pairs = [(a, b) for a in generated.KIN_WORDS for b in generated.KIN_WORDS]
    assert all(answers_equal(a, b, Task.TEXT) == (a == b) for a, b in pairs)
    assert asked == []
