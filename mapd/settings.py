"""Where a project lives. `MAPD_HOME` moves everything that is written; `MAPD_DATABASE_URL` moves the database alone.

MAPD_HOME=/data/svamp-pilot mapd app      -> the project "svamp-pilot", its database at /data/svamp-pilot/mapd.db
"""

import tempfile
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from mapd.errors import BadInput
from mapd.mailboxes import domain, mailbox


class Settings(BaseSettings):
    """Read from the environment (prefix `MAPD_`); nothing here is a secret but the URL, which is never shown."""

    model_config = SettingsConfigDict(env_prefix="MAPD_")

    home: Path = Path("data/local")
    database_url: str | None = None
    # Whether the app starts a worker beside itself.
    worker: bool = True
    # The most that an exam's committee may cost, where a start doesn't say otherwise.
    budget_usd: float | None = Field(None, ge=0, allow_inf_nan=False)
    # E-mails with commas between, of people who sign in.
    owners: Annotated[tuple[str, ...], NoDecode] = ()
    # The same, or @example.org for everybody there.
    annotators: Annotated[tuple[str, ...], NoDecode] = ()

    @field_validator("owners", "annotators", mode="before")
    @classmethod
    def _split(cls, people: object, info: ValidationInfo) -> object:
        if not isinstance(people, str):
            return people
        entries = filter(None, (part.strip() for part in people.split(",")))
        domains = info.field_name == "annotators"  # who owns the project is named one by one
        try:
            return tuple(domain(entry) if domains and entry.startswith("@") else mailbox(entry) for entry in entries)
        except BadInput as error:
            raise ValueError(f"{error}; write them with commas between") from error

    def __init__(self, **given: Any) -> None:
        try:
            super().__init__(**given)
        except ValidationError as error:
            first = error.errors()[0]
            variable = f"MAPD_{first['loc'][0]}".upper()
            raise BadInput(f"{variable} can't be {first['input']}: {first['msg']}; set it anew, or unset it") from error

    @property
    def project(self) -> str:
        """Return the project's name: that of its folder."""
        return self.home.resolve().name

    @property
    def url(self) -> str:
        """Return the database's SQLAlchemy URL; SQLite under `home` unless one is given."""
        return self.database_url or f"sqlite:///{self.home.resolve() / 'mapd.db'}"

    def make_home(self) -> Path:
        """Create `home` and prove that it can be written to. Raises: BadInput, naming the folder."""
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.home):
                pass
        except OSError as error:
            reason = error.strerror or str(error)
            raise BadInput(
                f"MAPD_HOME can't be written to: {self.home} ({reason}); set MAPD_HOME to a folder of yours"
            ) from error
        return self.home.resolve()
