"""The guard: what dev or test holds is refused with the list, a shared template is told, sealed text is never shown."""

import pytest
from sqlmodel import Session, select

from mapd.curation import frozen_sets, live_set, snapshots
from mapd.curation.leakage import HeldOutQuestion, Kind, TaughtQuestion, find_leaks
from mapd.curation.pairs import DrawSettings
from mapd.curation.trimming import Trimming
from mapd.domain import ExamInfo
from mapd.errors import BadInput
from mapd.people import owner
from mapd.questions import generated
from mapd.store import tables as t
from tests.held_out import hold_out

ANN = owner("ann")
PENS = "Ann has 12 pens and gets 5 more. How many pens has she now?"
ORANGES = (
    "There are 87 oranges and 290 bananas in Philip's collection. If the bananas are organized into 2 groups, how big "
    "is each group of bananas?"
)


def taught(text: str, gold: str = "17", task: str = "numeric", options: tuple[str, ...] = ()) -> TaughtQuestion:
    return TaughtQuestion(("", text, *options), "pens train 1", task, gold)


def held_out(
    text: str, gold: str = "17", split: str = "dev", task: str = "numeric", options: tuple[str, ...] = ()
) -> HeldOutQuestion:
    return HeldOutQuestion("pens", split, "44", ("", text, *options), task, gold)


def kind(first: TaughtQuestion, *others: HeldOutQuestion) -> Kind | None:
    leakage = find_leaks((first,), others)
    return next((leak.kind for leak in (*leakage.leaks, *leakage.templates)), None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ann has 12 pens, and gets 5 more;  how many pens has she now", Kind.EQUAL),
        ("Tom has 12 pens and gets 5 more. How many pens has he now?", Kind.PARAPHRASE),
        ("Ann has got twelve pens and she gets 5 more. How many pens does she have now?", Kind.PARAPHRASE),
        ("Ann has 13 pens and gets 5 more. How many pens has she now?", Kind.TEMPLATE),
        ("Tom has 5 pens and gets 12 more. How many pens has she now?", Kind.TEMPLATE),
        ("Ann has 12 pens and loses 5 of her cups. How many cups has she lost?", None),
        ("What is 12 + 5?", None),
    ],
)
def test_how_a_question_is_like_another(text: str, expected: Kind | None) -> None:
    assert kind(taught(PENS), held_out(text)) is expected


def test_a_longer_paraphrase_in_another_order_is_found() -> None:
    other = (
        "Philip's collection has 87 oranges and 290 bananas. If the bananas are organized into 2 groups, how large is "
        "each banana group?"
    )
    assert kind(taught(ORANGES, "145"), held_out(other, "145.0")) is Kind.PARAPHRASE
    assert kind(taught(ORANGES, "145"), held_out(other, "")) is Kind.PARAPHRASE, "nobody knows its answer"
    assert kind(taught(ORANGES, "145"), held_out(other, "377")) is None, "another answer: it asks something else"


def test_without_numbers_other_people_are_another_question() -> None:
    first = "Ann is the mother of Ben. Ben is the father of Max. What is Ann to Max?"
    second = "Eva is the mother of Ben. Ben is the father of Leo. What is Eva to Leo?"
    assert kind(taught(first, "grandmother", "text"), held_out(second, "grandmother", task="text")) is Kind.TEMPLATE


def test_of_choices_the_options_text_is_the_answer() -> None:
    words = "Which gas do green plants take in from the air by day?"
    first = taught(words, "A", "choice", ("carbon dioxide", "pure oxygen"))
    for gold, expected in (("B", Kind.PARAPHRASE), ("A", None)):
        turned = held_out(words, gold, task="choice", options=("pure oxygen", "carbon dioxide"))
        assert kind(first, turned) is expected


def test_the_graver_one_is_named() -> None:
    leakage = find_leaks((taught(PENS),), (held_out(PENS), held_out(PENS, split="test"), held_out("Other 3?")))
    (leak,) = leakage.leaks
    assert (leak.held_out.split, leakage.dev, leakage.test) == ("test", 2, 1)
    assert kind(taught("?!"), held_out("...")) is None, "no words are no question"


def test_what_is_generated_for_one_split_is_no_leak_of_another() -> None:
    pool = generated.draw(["leg_counting", "chain_sum"], {"train": 60, "dev": 40}, seed=0)
    rows = [(x.split, x.question) for x in pool]
    questions = tuple(taught(q.text, q.gold, q.task.value) for split, q in rows if split == "train")
    others = tuple(held_out(q.text, q.gold, task=q.task.value) for split, q in rows if split == "dev")
    leakage = find_leaks(questions, others)
    assert leakage.leaks == ()
    assert leakage.templates


# --- At freezing ------------------------------------------------------------------------------------------------------


def first_question(session: Session, exam: ExamInfo) -> tuple[str, str]:
    mistake = live_set.load_curated(session, exam.id).mistakes[0]
    return mistake.question.text, mistake.gold


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_leak_is_refused_with_its_name_and_the_cure(session: Session, exam: ExamInfo, split: str) -> None:
    curated = live_set.load_curated(session, exam.id)
    before = snapshots.freeze(session, curated, by=ANN)
    text, gold = first_question(session, exam)
    hold_out(session, text.replace("Ann", "Zoe"), split=split, gold=gold)
    with pytest.raises(BadInput, match=rf"says the same as others {split} q0.*--without-leaks") as refused:
        snapshots.freeze(session, curated, by=ANN)
    assert "pens" not in str(refused.value).replace(exam.question_set, ""), "a sealed question is named alone"
    row = snapshots.freeze(session, curated, by=ANN, trimming=Trimming(leaks=True))
    assert (row.pairs, row.manifest["counts"]["leaking_pairs"]) == (before.pairs - 1, 1)
    ((name, how, other),) = row.manifest["left_out"]["leaks"]
    assert (name.split()[-1], how) == (curated.mistakes[0].question.source_id, "paraphrase")
    assert other.endswith(f"{split} q0")
    assert row.manifest["draw"] == before.manifest["draw"]
    # What was frozen before can be held against them, too.
    assert [leak.kind for leak in frozen_sets.check_leakage(session, before.sha256).leaks] == [Kind.PARAPHRASE]
    assert frozen_sets.check_leakage(session, row.sha256).leaks == ()


def test_without_a_leak_the_name_is_what_it_always_was(session: Session, exam: ExamInfo) -> None:
    curated = live_set.load_curated(session, exam.id)
    sha256 = snapshots.freeze(session, curated, by=ANN).sha256
    hold_out(session, "Zoe has 999 pens and gets 5 more. How many pens has she now?")
    assert snapshots.freeze(session, curated, by=ANN).sha256 == sha256
    assert snapshots.freeze(session, curated, by=ANN, trimming=Trimming(leaks=True)).sha256 == sha256
    guarded = snapshots.draw_pairs(session, [curated], DrawSettings())
    assert len(guarded.leakage.templates) == guarded.leakage.taught == sha256_pairs(session, sha256)


def sha256_pairs(session: Session, sha256: str) -> int:
    return session.exec(select(t.Snapshot.pairs).where(t.Snapshot.sha256 == sha256)).one()


def test_a_leak_whose_pair_is_not_drawn_is_no_matter(session: Session, exam: ExamInfo) -> None:
    mistake = next(m for m in live_set.load_curated(session, exam.id).mistakes)
    hold_out(session, mistake.question.text.upper(), gold=mistake.gold)
    one = live_set.load_curated(session, exam.id)
    with pytest.raises(BadInput, match="1 of its questions stands"):
        snapshots.freeze(session, one, by=ANN)
    names = {snapshots.draw_pairs(session, [one], DrawSettings(seed, limit=3)).leakage.leaks for seed in range(8)}
    assert () in names


def test_where_all_leak_nothing_is_frozen(session: Session, exam: ExamInfo) -> None:
    curated = live_set.load_curated(session, exam.id)
    hold_out(session, *(m.question.text.lower() for m in curated.mistakes))
    with pytest.raises(BadInput, match=r"12 of its questions .*; and 7 more"):
        snapshots.freeze(session, curated, by=ANN)
    with pytest.raises(BadInput, match="dev or test holds the questions of all 12 pairs"):
        snapshots.freeze(session, curated, by=ANN, trimming=Trimming(leaks=True))
