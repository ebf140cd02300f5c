"""The teachers page: who can be asked, one call to each, and another one added. A test's call is a real process."""

from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlmodel import Session, col, select
from streamlit.testing.v1 import AppTest

from mapd import teachers
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from mapd.ui.teachers import trial as teaching
from tests.pages.running import errors, open_page, shown
from tests.provider import Provider

PAGE = "pages/loop/teachers.py"
PASTED = "sk-proj-0123456789abcdef"  # a key where none belongs
PLANTED = "sk-planted-9876543210"


def write() -> AbstractContextManager[Session]:
    return db.writing(db.open_store(Settings()))


def kept() -> list[t.Teacher]:
    with db.reading(db.open_store(Settings())) as session:
        return list(session.exec(select(t.Teacher).order_by(col(t.Teacher.id))).all())


def add(name: str, **given: object) -> str:
    """A teacher of the project; its uid."""
    with write() as session:
        return teachers.add(session, name, by=owner("ann"), **({"kind": "simulated", "model": "sound"} | given)).uid  # type: ignore[arg-type]


def everything(app: AppTest) -> str:
    """All that the page sent to the browser."""
    return repr(app.main) + repr(app.sidebar) + shown(app) + " ".join(f.value for f in app.text_input)


def test_an_empty_project_opens_the_form(home: Path) -> None:
    app = open_page(PAGE)
    assert any("No teacher can be asked yet" in m.value for m in app.markdown)
    assert app.get("expander")[0].proto.expanded
    assert errors(app) == []
    assert set(app.segmented_control(key="teacher_kind_0").options) == set(teachers.KINDS)


def test_imported_authors_are_listed_and_cannot_be_asked(full_home: Path) -> None:
    app = open_page(PAGE)
    assert shown(app).count("came with an import; can't be asked") == 3
    assert not [b for b in app.button if b.key and b.key.startswith(("test_", "turn_"))]


def test_a_simulated_teacher_is_added_and_asked(home: Path) -> None:
    app = open_page(PAGE)
    app.text_input(key="teacher_name_0").set_value("brook")
    app.selectbox(key="teacher_profile_0").set_value("slips")
    app.number_input(key="teacher_seed_0").set_value(3).run()
    app.button(key="add_teacher").click().run()
    assert errors(app) == []
    (row,) = kept()
    assert (row.name, row.kind, row.model, row.sampling["seed"]) == ("brook", "simulated", "slips", 3)
    assert ">brook</b>" in shown(app)
    assert not app.get("expander")[0].proto.expanded
    assert app.text_input(key="teacher_name_1").value == "", "the form is a new one"
    app.button(key=f"test_{row.uid}").click().run()
    assert errors(app) == []
    assert "2 + 2" in shown(app)
    assert ">✓</span>ok</span>" in shown(app)


def test_a_refusal_is_one_line_and_what_was_typed_stays(home: Path) -> None:
    add("mini", kind="openai", model="m")
    app = open_page(PAGE)
    app.segmented_control(key="teacher_kind_0").set_value("openai").run()
    app.text_input(key="teacher_name_0").set_value("mini")
    app.text_input(key="teacher_model_0").set_value("another")
    app.number_input(key="teacher_temperature_0").set_value(0.7).run()
    app.button(key="add_teacher").click().run()
    assert ["there is another teacher named mini" in e for e in errors(app)] == [True]
    assert app.text_input(key="teacher_model_0").value == "another"
    assert app.number_input(key="teacher_temperature_0").value == 0.7
    app.text_input(key="teacher_name_0").set_value("mini-7").run()
    assert errors(app) == [], "the line goes with the next step"
    app.button(key="add_teacher").click().run()
    assert [row.name for row in kept()] == ["mini", "mini-7"]


def test_a_pasted_key_is_refused_and_stays_nowhere(home: Path) -> None:
    app = open_page(PAGE)
    app.segmented_control(key="teacher_kind_0").set_value("anthropic").run()
    app.text_input(key="teacher_name_0").set_value("sonnet")
    app.text_input(key="teacher_model_0").set_value("claude")
    app.text_input(key="teacher_key_0_0").set_value(PASTED).run()
    app.button(key="add_teacher").click().run()
    assert ["takes the NAME of the variable" in e for e in errors(app)] == [True]
    assert app.text_input(key="teacher_name_0").value == "sonnet"
    assert app.text_input(key="teacher_key_0_1").value == ""
    assert "sonnet" in repr(app.session_state)
    assert PASTED not in everything(app)
    assert PASTED not in repr(app.session_state)
    assert kept() == []


def test_a_disabled_teacher_is_not_asked_until_it_is_enabled(home: Path) -> None:
    uid = add("brook")
    app = open_page(PAGE)
    app.button(key=f"turn_{uid}").click().run()
    assert [row.disabled for row in kept()] == [True]
    assert ">■</span>disabled" in shown(app)
    assert app.button(key=f"test_{uid}").disabled
    app.button(key=f"turn_{uid}").click().run()
    assert [row.disabled for row in kept()] == [False]
    assert ">✓</span>enabled" in shown(app)


def test_a_key_that_is_not_set_is_said_in_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    uid = add("mini", kind="openai", model="m", key_env="NO_SUCH_KEY")
    app = open_page(PAGE)
    assert "NO_SUCH_KEY" in shown(app)
    assert ">✕</span>not set" in shown(app)
    app.button(key=f"test_{uid}").click().run()
    assert ["which is not set" in e for e in errors(app)] == [True]


def test_a_served_teacher_answers_and_its_key_is_nowhere_on_the_page(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTED_KEY", PLANTED)
    said = {"good": f"**2 + 2 + 2 = 6**, with {PLANTED}", "bad": (401, {}, f'{{"error": {{"message": "{PLANTED}"}}}}')}
    with Provider(lambda asked: said[asked.body["model"]]) as provider:
        served = {"kind": "openai", "base_url": provider.url + "/v1", "key_env": "PLANTED_KEY"}
        good, bad = add("good", model="good", **served), add("bad", model="bad", **served)
        app = open_page(PAGE)
        app.button(key=f"test_{good}").click().run()
        app.button(key=f"test_{bad}").click().run()
        assert [asked.key for asked in provider.asked] == [PLANTED] * 2
    page = shown(app)
    assert "**2 + 2 + 2 = 6**, with [key]" in page, "as text"
    assert "9 tokens in · 3 tokens out" in page
    assert page.count(">✓</span>set") == 2
    assert ["teacher bad gave no answer: failed (HTTP 401" in e for e in errors(app)] == [True]
    assert PLANTED not in everything(app)
    assert PLANTED not in repr(app.session_state)


def test_a_teacher_that_never_answers_is_given_up(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teaching, "PATIENCE_S", 0.01)
    uid = add("--help")  # a name, not an option
    app = open_page(PAGE)
    app.button(key=f"test_{uid}").click().run()
    assert ["gave no answer within 0.01 s" in e for e in errors(app)] == [True]
    monkeypatch.setattr(teaching, "PATIENCE_S", 150)
    app.button(key=f"test_{uid}").click().run()
    assert errors(app) == []


def test_the_committee_page_leads_to_the_teachers(full_home: Path) -> None:
    app = open_page("pages/loop/committee.py")
    assert any(link.proto.page == "teachers" for link in app.main.get("page_link"))


def test_a_teacher_of_an_archive_is_shown_and_asked_about_before_it_is_enabled(home: Path) -> None:
    uid = add("own", kind="openai", model="m", base_url="https://llm.example.org/v1")
    with write() as session:
        row = teachers.get(session, "own")
        row.disabled, row.origin = True, "a" * 64
        session.add(row)
    app = open_page(PAGE)
    assert "came with an archive" in shown(app)
    assert app.button(key=f"turn_{uid}").disabled
    app.text_input(key=f"key_of_{uid}").set_value("PLANTED_KEY").run()
    assert "asks the model m at https://llm.example.org, with the key in PLANTED_KEY" in shown(app)
    app.checkbox(key=f"yes_{uid}_https://llm.example.org_PLANTED_KEY").check().run()
    app.button(key=f"turn_{uid}").click().run()
    assert errors(app) == []
    assert [(row.disabled, row.origin, row.key_env) for row in kept()] == [(False, None, "PLANTED_KEY")]


def test_another_servers_key_needs_its_box(home: Path) -> None:
    app = open_page(PAGE)
    app.segmented_control(key="teacher_kind_0").set_value("openai").run()
    app.text_input(key="teacher_name_0").set_value("own")
    app.text_input(key="teacher_model_0").set_value("m")
    app.text_input(key="teacher_url_0").set_value("https://llm.example.org/v1")
    app.text_input(key="teacher_key_0_0").set_value("OPENAI_API_KEY").run()
    app.button(key="add_teacher").click().run()
    assert ["OPENAI_API_KEY is a key for https://api.openai.com" in e for e in errors(app)] == [True]
    assert kept() == []
    app.checkbox(key="teacher_yes_OPENAI_API_KEY_https://llm.example.org").check().run()
    app.button(key="add_teacher").click().run()
    assert errors(app) == []
    assert [row.key_env for row in kept()] == ["OPENAI_API_KEY"]


def test_a_header_that_holds_another_servers_key_needs_its_box_and_a_pasted_value_does_not_stay(home: Path) -> None:
    app = open_page(PAGE)
    app.segmented_control(key="teacher_kind_0").set_value("openai").run()
    app.text_input(key="teacher_name_0").set_value("own")
    app.text_input(key="teacher_model_0").set_value("m")
    app.text_input(key="teacher_url_0").set_value("https://llm.example.org/v1")
    app.text_area(key="teacher_headers_0_0").set_value(f"x-key={PASTED}")
    app.button(key="add_teacher").click().run()
    assert len(errors(app)) == 1
    assert PASTED not in everything(app) + " ".join(area.value for area in app.text_area)
    app.text_area(key="teacher_headers_0_1").set_value("x-key=OPENAI_API_KEY").run()
    app.button(key="add_teacher").click().run()
    assert ["OPENAI_API_KEY is a key for https://api.openai.com" in e for e in errors(app)] == [True]
    app.checkbox(key="teacher_yes_OPENAI_API_KEY_https://llm.example.org").check().run()
    app.button(key="add_teacher").click().run()
    assert errors(app) == []
    assert [row.headers for row in kept()] == [{"x-key": "OPENAI_API_KEY"}]


def test_further_fields_and_headers_are_added_and_the_longest_reply_changed(home: Path) -> None:
    app = open_page(PAGE)
    app.segmented_control(key="teacher_kind_0").set_value("openai").run()
    app.text_input(key="teacher_name_0").set_value("mini")
    app.text_input(key="teacher_model_0").set_value("m")
    app.text_area(key="teacher_fields_0").set_value('top_k=5\nchat_template_kwargs={"enable_thinking": false}\n')
    app.text_area(key="teacher_headers_0_0").set_value("X-Team=MAPD_TEAM")
    app.button(key="add_teacher").click().run()
    assert errors(app) == []
    (row,) = kept()
    assert (row.sampling["top_k"], row.sampling["chat_template_kwargs"]) == (5, {"enable_thinking": False})
    assert row.headers == {"x-team": "MAPD_TEAM"}
    assert "MAPD_TEAM" in shown(app)
    app.number_input(key=f"longest_of_{row.uid}").set_value(4096)
    app.number_input(key=f"minute_of_{row.uid}").set_value(30.0)
    app.button(key=f"save_{row.uid}").click().run()
    (changed,) = kept()
    assert (changed.uid, changed.sampling["max_tokens"], changed.limits["per_minute"]) == (row.uid, 4096, 30.0)


def test_what_a_server_refused_stands_beside_its_teacher_until_it_is_forgotten(home: Path) -> None:
    uid = add("mini", kind="openai", model="m")
    with write() as session:
        teachers.get(session, "mini").learned = {"temperature": None}
    app = open_page(PAGE)
    assert "temperature isn&#x27;t taken by this model: left out" in shown(app)
    app.checkbox(key=f"forget_{uid}").check().run()
    app.button(key=f"save_{uid}").click().run()
    assert kept()[0].learned == {}


def test_a_further_field_that_cannot_be_set_is_refused_in_one_line(home: Path) -> None:
    app = open_page(PAGE)
    app.segmented_control(key="teacher_kind_0").set_value("openai").run()
    app.text_input(key="teacher_name_0").set_value("mini")
    app.text_input(key="teacher_model_0").set_value("m")
    app.text_area(key="teacher_fields_0").set_value("stream=true")
    app.button(key="add_teacher").click().run()
    (error,) = errors(app)
    assert "stream can&#x27;t be set" in error
    assert kept() == []
