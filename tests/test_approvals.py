"""A key goes to the servers that it was approved for, over real HTTP, whatever is edited, added or redirected."""

import asyncio
import sys

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from mapd import approvals, cli, keys, teacher_models, teachers
from mapd.errors import BadInput
from mapd.models.base import Completion, Finish, Message, Model, Request, Sampling, stream
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests.provider import Asked, Provider

KEY = "sk-planted-9876543210"
OTHER = "sk-another-0123456789"
SERVED = ("openai", "anthropic")


def add(session: Session, name: str = "own", **given: object) -> t.Teacher:
    return teachers.add(session, name, **({"kind": "openai", "model": "m", "by": owner("ann")} | given))  # type: ignore[arg-type]


def ask(model: Model) -> Completion:
    async def reply() -> Completion:
        request = Request("k", (Message("user", "hi"),), Sampling(max_tokens=8))
        (completion,) = [completion async for completion in model.generate(stream([request]))]
        return completion

    return asyncio.run(reply())


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys in the environment, and what the SDKs read there by themselves."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "MY_KEY"):
        monkeypatch.setenv(name, KEY)
    for name in ("OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.setenv(name, OTHER)
    for name in ("OPENAI_CUSTOM_HEADERS", "ANTHROPIC_CUSTOM_HEADERS"):
        monkeypatch.setenv(name, f"x-secret: {OTHER}\nx-api-key: {OTHER}\nauthorization: Bearer {OTHER}")


def test_naming_a_key_beside_a_server_approves_it_and_no_other_server(engine: sa.Engine) -> None:
    with Provider() as meant, Provider() as other:
        with db.writing(engine) as session:
            add(session, base_url=meant.url, key_env="MY_KEY")
        with db.reading(engine) as session:
            assert ask(teacher_models.open_model(engine, teachers.get(session, "own"))).finish is Finish.OK
        assert [asked.key for asked in meant.asked] == [KEY]
        with db.writing(engine) as session, pytest.raises(BadInput, match="MY_KEY is a key for http://127"):
            add(session, "second", base_url=other.url, key_env="MY_KEY")
        with db.writing(engine) as session:  # whoever changes the row, by whatever means
            session.execute(sa.update(t.Teacher).values(base_url=other.url))
        with db.reading(engine) as session, pytest.raises(BadInput, match="is not sent to http://127"):
            teacher_models.open_model(engine, teachers.get(session, "own"))
        assert other.asked == []


@pytest.mark.parametrize("kind", SERVED)
def test_a_providers_own_key_goes_to_the_provider_alone(engine: sa.Engine, kind: str) -> None:
    variable = teachers.KEY_VARIABLES[kind]
    with Provider() as other:
        with db.writing(engine) as session, pytest.raises(BadInput, match=f"{variable} is a key for https://api"):
            add(session, kind=kind, base_url=other.url, key_env=variable)
        with db.writing(engine) as session:  # as an old row, or one that was written by hand
            session.add(t.Teacher(name="own", kind=kind, model="m", base_url=other.url, key_env=variable))
        with db.reading(engine) as session, pytest.raises(BadInput, match="is not sent to"):
            teacher_models.open_model(engine, teachers.get(session, "own"))
        with db.writing(engine) as session:
            add(session, "said", kind=kind, base_url=other.url, key_env=variable, approved=True)
        with db.reading(engine) as session:
            ask(teacher_models.open_model(engine, teachers.get(session, "said")))
        assert [asked.key for asked in other.asked] == [KEY]
    with db.writing(engine) as session:
        add(session, "provider", kind=kind)
        assert teacher_models.open_model(engine, teachers.get(session, "provider"))


@pytest.mark.parametrize("kind", SERVED)
@pytest.mark.parametrize("key_env", [None, "MY_KEY"])
def test_a_server_gets_no_header_of_the_environment(engine: sa.Engine, kind: str, key_env: str | None) -> None:
    with Provider() as server:
        with db.writing(engine) as session:
            add(session, kind=kind, base_url=server.url, key_env=key_env)
        with db.reading(engine) as session:
            assert ask(teacher_models.open_model(engine, teachers.get(session, "own"))).finish is Finish.OK
        (asked,) = server.asked
    assert OTHER not in repr(asked.headers)
    assert asked.headers["authorization"] == f"Bearer {KEY if key_env else 'none'}"


@pytest.mark.parametrize("kind", SERVED)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_takes_the_key_along(engine: sa.Engine, kind: str, status: int) -> None:
    with Provider() as other:

        def send_away(asked: Asked) -> tuple[int, dict[str, str], str]:
            return status, {"location": f"{other.url.replace('127.0.0.1', 'localhost')}{asked.path}"}, ""

        with Provider(send_away) as server:
            with db.writing(engine) as session:
                add(session, kind=kind, base_url=server.url, key_env="MY_KEY")
            with db.reading(engine) as session:
                completion = ask(teacher_models.open_model(engine, teachers.get(session, "own"), tries=1))
        assert f"HTTP {status}" in str(completion.error)
        assert other.asked == []


@pytest.mark.parametrize(
    ("variable", "is_name"),
    [
        ("MISTRAL_API_KEY", True),
        ("MY_KEY", True),
        ("MAPD_TEACHER", True),
        ("PATH", False),
        ("GITHUB_TOKEN", False),
        ("MAPD_DATABASE_URL", False),
        ("MAPD_HOME", False),
        ("KEY", False),
        ("my_key", False),
        ("MY_KEY\n", False),
        ("", False),
    ],
)
def test_a_keys_name_looks_like_one(engine: sa.Engine, variable: str, is_name: bool) -> None:
    if is_name:
        assert keys.check_name(variable) == variable
        return
    with pytest.raises(BadInput):
        keys.check_name(variable)
    row = t.Teacher(name="own", kind="openai", model="m", base_url="http://127.0.0.1:9", key_env=variable)
    with db.writing(engine) as session:
        session.add_all([row, t.KeyApproval(key_env=variable, server="http://127.0.0.1:9", person="ann")])
    with db.reading(engine) as session, pytest.raises(BadInput):
        teacher_models.open_model(engine, teachers.get(session, "own"))


def test_no_setting_of_ours_is_a_key() -> None:
    assert {f"MAPD_{name.upper()}" for name in Settings.model_fields} <= keys.OURS


@pytest.mark.parametrize(
    ("address", "server"),
    [
        ("https://API.OpenAI.com:443/v1/", "https://api.openai.com"),
        ("http://h:8000/v1", "http://h:8000"),
        ("http://h.:80", "http://h"),
        ("http://[::1]:8000/v1", "http://[::1]:8000"),
    ],
)
def test_a_server_has_one_spelling(address: str, server: str) -> None:
    assert approvals.server_of("openai", address) == server


@pytest.mark.parametrize(
    "address",
    [
        "https://api.openai.com\\@evil.example/v1",
        "https://api.openai.com%40evil.example",
        "https://evil.example\\.api.openai.com",
        "https://api.openai.com\t.evil.example",
        "https://api.openai.com\n@evil.example",
        "https://api.openаi.com/v1",  # a Cyrillic a
        "https://a b/v1",
        "https://user@evil.example",
        "https:///v1",
        "//evil.example/v1",
        "file:///etc/passwd",
    ],
)
def test_an_address_that_two_readers_could_read_otherwise_is_refused(address: str) -> None:
    with pytest.raises(BadInput):
        approvals.server_of("openai", address)


def test_a_teacher_of_an_archive_is_enabled_by_who_says_yes(engine: sa.Engine) -> None:
    row = t.Teacher(name="own", kind="openai", model="m", base_url="https://llm.example.org/v1", disabled=True)
    row.origin = "a" * 64
    with db.writing(engine) as session:
        session.add(row)
    with db.reading(engine) as session:
        what = teachers.preview_enabling(session, "own", "MY_KEY")
    assert what.in_words == "teacher own asks the model m at https://llm.example.org, with the key in MY_KEY"
    for key_env in (None, "MY_KEY"):
        with db.writing(engine) as session, pytest.raises(BadInput, match="nobody here has said yes to that"):
            teachers.enable(session, "own", owner("ann"), key_env=key_env)
    with db.writing(engine) as session:
        teachers.enable(session, "own", owner("ann"), key_env="MY_KEY", approved=True)
        teachers.disable(session, "own", owner("ann"))
        teachers.enable(session, "own", owner("ann"))  # it was approved once: nothing new is asked
        assert session.exec(select(t.KeyApproval.server)).all() == ["https://llm.example.org"]
    with db.reading(engine) as session:
        assert teacher_models.open_model(engine, teachers.get(session, "own"))


def test_the_commands_show_and_ask(
    home: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["mapd", "teachers", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return int(end.value.code or 0), capsys.readouterr().err

    served = ("--kind", "openai", "--model", "m", "--base-url", "https://llm.example.org/v1")
    code, said = run("add", "own", *served, "--key-env", "OPENAI_API_KEY")
    assert (code, said.count("\n")) == (1, 1)
    assert "OPENAI_API_KEY is a key for https://api.openai.com, not for https://llm.example.org" in said
    assert "--yes says it" in said
    assert run("add", "own", *served, "--key-env", "MY_KEY") == (0, "")
    with db.writing(db.open_store(Settings())) as session:
        session.execute(sa.update(t.Teacher).values(disabled=True, key_env=None, origin="a" * 64))
    code, said = run("enable", "own", "--key-env", "MY_KEY")
    assert (code, said.count("\n")) == (1, 1)
    assert "teacher own asks the model m at https://llm.example.org, with the key in MY_KEY" in said
    assert run("enable", "own", "--key-env", "GITHUB_TOKEN", "--yes")[0] == 1
    assert run("enable", "own", "--key-env", "MY_KEY", "--yes") == (0, "")
