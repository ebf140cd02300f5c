"""Send a folder to the hub, whole or not at all: one commit. What goes wrong there is one line.

    send(parcel, "org/tuned", private=True, revision="main")     -> Delivery(commit="9c…", changed=("README.md",), …)

The same push goes on where one broke off: files that are there aren't sent again. A repository with another content is
left as it is.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import tenacity

from mapd.errors import BadInput, in_a_line
from mapd.exchange.hub.parcels import Parcel, ParcelFile

TRIES = 4
# Seconds: a server that asks for a longer wait is left alone.
LONGEST_WAIT_S = 30.0
# What the hub itself puts into a new repository.
OF_THE_HUB = frozenset({".gitattributes"})
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the hub has now. `changed`: the files that this changed there."""

    commit: str
    url: str
    private: bool
    changed: tuple[str, ...]
    note: str = ""


def send(parcel: Parcel, repository: str, *, private: bool, revision: str) -> Delivery:
    """Send the folder. Raises: BadInput where there is no token, the hub refuses or is away, or has other content."""
    # It loads slowly, and a dry run needs none of it.
    import huggingface_hub
    from huggingface_hub.utils import logging as hub_logging
    from huggingface_hub.utils.tqdm import disable_progress_bars

    # Standard error is ours.
    disable_progress_bars()
    hub_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    token = huggingface_hub.get_token()
    if not token:
        raise BadInput(
            "the hub needs a token that may write: set HF_TOKEN, or run `hf auth login`; --dry-run says what would be "
            "sent"
        )
    with _one_line(repository, token):
        return _Hub(huggingface_hub.HfApi(token=token), repository, parcel).send(private, revision)


class _Hub:
    """The hub, asked about one repository. A request whose failure may pass is made again."""

    def __init__(self, api: Any, repository: str, parcel: Parcel) -> None:
        self.api, self.repository, self.parcel = api, repository, parcel
        self.where = {"repo_id": repository, "repo_type": parcel.kind}

    def send(self, private: bool, revision: str) -> Delivery:
        # A token that is no good is told before a repository is made for it.
        _ask(self.api.whoami)
        info, note = self._require_repository(private), ""
        if info.private and not private:
            note = f"{self.repository} is private there, and stays so: its page on the hub makes it public"
        head, is_new = self._require_branch(revision, info.sha)
        paths, same = self._compare(head)
        others = sorted(paths - OF_THE_HUB)
        if others and not is_new and self.parcel.identity not in same:
            raise BadInput(
                f"{self.repository} has another content, {len(others):,} files, such as {others[0][:80]}: a push "
                "writes over nothing; give another name, or a branch of its own with --revision"
            )
        # A new branch begins with main's files: those of another content would stand among the parcel's own.
        is_other = is_new and self.parcel.identity not in same
        surplus = sorted(set(others) - {file.path for file in self.parcel.files}) if is_other else []
        changed = tuple(file.path for file in self.parcel.files if file.path not in same)
        commit = self._commit(changed, surplus, revision, head) if changed or surplus else head
        kind = "datasets/" if self.parcel.kind == "dataset" else ""
        url = f"{self.api.endpoint}/{kind}{self.repository}"
        return Delivery(commit, url, bool(info.private), (*changed, *surplus), note)

    def _compare(self, revision: str) -> tuple[set[str], set[str]]:
        """Return the repository's files, and those of the parcel's that it has unchanged."""
        entries = _ask(lambda: list(self.api.list_repo_tree(**self.where, recursive=True, revision=revision)))
        # A folder has no blob.
        remote = {entry.path: entry for entry in entries if hasattr(entry, "blob_id")}
        pairs = [(file, remote[file.path]) for file in self.parcel.files if file.path in remote]
        return set(remote), {file.path for file, entry in pairs if self._is_same(file, entry)}

    def _require_repository(self, private: bool) -> Any:
        """Return what the hub says of the repository, which is made where it isn't there."""
        from huggingface_hub.errors import RepositoryNotFoundError

        try:
            info = _ask(lambda: self.api.repo_info(**self.where))
        except RepositoryNotFoundError:
            # Somebody may make it at the same moment.
            _ask(lambda: self.api.create_repo(**self.where, private=private, exist_ok=True))
            info = _ask(lambda: self.api.repo_info(**self.where))
        if private and not info.private:
            raise BadInput(
                f"{self.repository} is public there, and this would be seen by all: --public says that it may be, or "
                "give another name"
            )
        return info

    def _require_branch(self, revision: str, main_head: str) -> tuple[str, bool]:
        """Return the branch's commit, and whether it is a new one, with main's content."""
        if revision == "main":
            return main_head, False
        branches = _ask(lambda: self.api.list_repo_refs(**self.where)).branches
        heads = {branch.name: branch.target_commit for branch in branches}
        if revision not in heads:
            _ask(lambda: self.api.create_branch(**self.where, branch=revision, exist_ok=True))
        head = heads.get(revision, main_head)
        # A run that was cut off has made the branch, and no more.
        return head, head == main_head

    def _is_same(self, file: ParcelFile, entry: Any) -> bool:
        # The hub names a file in LFS by its sha256, and any other as git does.
        if entry.lfs:
            return bool(entry.lfs.sha256 == file.sha256)
        return bool(entry.blob_id == self.parcel.git_sha1(file.path))

    def _commit(self, changed: Collection[str], surplus: Collection[str], revision: str, head: str) -> str:
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete
        from huggingface_hub.errors import HfHubHTTPError

        def commit() -> Any:
            # An operation can't be used twice.
            operations: list[Any] = [CommitOperationDelete(path) for path in surplus]
            operations += [CommitOperationAdd(path, str(self.parcel.folder / path)) for path in changed]
            message = f"{self.parcel.subject[:60]}, by MAPD Studio"
            # With its parent named the hub refuses the commit (412) where somebody changed the branch meanwhile.
            return self.api.create_commit(
                **self.where, operations=operations, commit_message=message, revision=revision, parent_commit=head
            )

        try:
            return str(_ask(commit).oid)
        except HfHubHTTPError as error:
            # It may be our own commit that stands there: the answer to it was lost.
            if _status(error) != 412 or not self._is_done(revision, surplus):
                raise
            return self._find_head(revision)

    def _is_done(self, revision: str, surplus: Collection[str]) -> bool:
        paths, same = self._compare(revision)
        return len(same) == len(self.parcel.files) and not paths & set(surplus)

    def _find_head(self, revision: str) -> str:
        return str(_ask(lambda: self.api.repo_info(**self.where, revision=revision)).sha)


def _status(error: BaseException) -> int | None:
    """Return the HTTP status that an error tells of, or that of the error which caused it."""
    while True:
        response = getattr(error, "response", None)
        if (status := getattr(response, "status_code", None)) is not None:
            return int(status)
        if error.__cause__ is None:
            return None
        error = error.__cause__


def _asked_wait(error: BaseException | None) -> float | None:
    headers: Mapping[str, str] = getattr(getattr(error, "response", None), "headers", {})
    # The header may be a date, too, which isn't read.
    value = headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() else None


def _may_pass(error: BaseException) -> bool:
    status = _status(error)
    return (status == 429 and (_asked_wait(error) or 0) <= LONGEST_WAIT_S) or (status is not None and status >= 500)


def _wait_s(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = _asked_wait(error)
    return 2.0 ** (state.attempt_number - 1) if asked is None else asked


def _ask(call: Callable[[], T]) -> T:
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_may_pass),
        wait=_wait_s,
        stop=tenacity.stop_after_attempt(TRIES),
        reraise=True,
    )
    return retrying(call)


REFUSALS = {
    401: "doesn't take the token; make a new one that may write, and set HF_TOKEN or run `hf auth login`",
    403: "doesn't let this token write there; give it the right, or push under a name of yours",
    404: "knows no such place; check the name, and that the token may see it",
    409: "has a conflict there; look at its page, and run the same again",
    412: "got something else there meanwhile; run the same again",
    413: "says that a file is too large; push fewer rows",
    429: "asks to wait, for there were too many requests; run the same again later",
}


@contextmanager
def _one_line(repository: str, token: str) -> Iterator[None]:
    """Let whatever the hub says or the network does be one line, without the token."""
    from httpx2 import HTTPError

    try:
        yield
    except (HTTPError, OSError, ValueError, RuntimeError, LookupError) as error:
        status = _status(error)
        words = in_a_line(ValueError(str(error).replace(token, "…")))
        if status in REFUSALS:
            raise BadInput(f"the hub {REFUSALS[status]}: {repository} (HTTP {status})") from error
        if status is not None:
            raise BadInput(f"the hub can't do it just now: {repository} (HTTP {status}); run the same again") from error
        raise BadInput(
            f"the hub can't be reached, or broke off: {repository} ({words}); check the network, and run the same "
            "again: it goes on from there"
        ) from error
