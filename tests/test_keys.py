"""A key is found in the environment, then in the file of secrets; what can't be read is said without its content."""

import re
import subprocess
from pathlib import Path

import pytest

from mapd import keys
from mapd.errors import BadInput

ROOT = Path(__file__).parents[1]
KEY = "sk-planted-9876543210"


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file, in the folder that the test runs in; no key is in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("A_KEY", raising=False)
    file = tmp_path / ".streamlit" / "secrets.toml"
    file.parent.mkdir()
    return file


def test_the_environment_goes_before_the_file(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert keys.read_key("A_KEY") == ""
    secrets.write_text(f'A_KEY = " {KEY} "\n[auth]\nB_KEY = "not at the top"\n')
    assert (keys.read_key("A_KEY"), keys.read_key("B_KEY")) == (KEY, "")
    secrets.write_text('A_KEY = "another"\n')
    assert keys.read_key("A_KEY") == "another", "a changed file is read anew"
    monkeypatch.setenv("A_KEY", "from outside")
    assert keys.read_key("A_KEY") == "from outside"
    monkeypatch.setenv("A_KEY", " ")
    assert keys.read_key("A_KEY") == "another"


def test_no_folder_of_secrets_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert keys.read_key("NO_SUCH_KEY") == ""
    (tmp_path / ".streamlit").write_text("a file")
    assert keys.read_key("NO_SUCH_KEY") == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (f"A_KEY = {KEY}".encode(), "is no TOML; write a line NAME ="),
        (f'A_KEY = "{KEY}'.encode(), "is no TOML"),
        (f'A_KEY = "{KEY}\xff"'.encode("latin-1"), "is no TOML"),
        (b"A_KEY = 9876543210", "A_KEY is no text"),
        (f'[A_KEY]\nkey = "{KEY}"'.encode(), "A_KEY is no text"),
        (None, "can't be read (Is a directory); unlock it"),
    ],
)
def test_what_cannot_be_read_is_one_line_without_its_content(secrets: Path, content: bytes | None, said: str) -> None:
    if content is None:
        secrets.mkdir()
    else:
        secrets.write_bytes(content)
    with pytest.raises(BadInput) as refused:
        keys.read_key("A_KEY")
    assert str(refused.value).startswith(".streamlit/secrets.toml")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "9876" not in str(refused.value)
    assert refused.value.__cause__ is None or isinstance(refused.value.__cause__, IsADirectoryError)


def test_git_never_takes_the_file() -> None:
    ignored = subprocess.run(["git", "check-ignore", "-q", keys.SECRETS], cwd=ROOT)
    assert ignored.returncode == 0


def test_nothing_else_reads_a_key() -> None:
    """`environ.get` of no literal is how a variable with a name of the user's is read."""
    reads = re.compile(r'environ\.get\((?!")')
    readers = [path.name for path in (ROOT / "mapd").rglob("*.py") if reads.search(path.read_text())]
    assert readers == ["keys.py"]
