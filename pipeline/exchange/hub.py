"""A dataset repository of the Hugging Face Hub as a place to publish at: a publication is one commit, whole or none."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cache.layout import MANIFEST
from cache.store.manifest import FileFacts
from pipeline.errors import DatasetError
from pipeline.exchange.places import Content, Place, Sent, content_bytes

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd

_ADDRESS = re.compile(
    r"hf://datasets/(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w.-]+))?(?:/(?P<folder>.*[^/]))?/?"
)
MOST_FILES = 20_000
"""Files of one commit at most: a large one may outlast the Hub's patience, and everything is one commit here."""


def place_at(to: str) -> Place:
    """Return the place that an address names, here or there. Raises DatasetError where nothing can be published."""
    return HubPlace(to) if to.startswith("hf://") else Place(to)


class HubPlace(Place):
    """The folder at `hf://datasets/USER/NAME[@BRANCH][/FOLDER]`. What is sent waits for `finish`, which commits it."""

    def __init__(self, to: str) -> None:
        """Raise DatasetError where nothing can be published there."""
        found = _ADDRESS.fullmatch(to)
        if found is None:
            raise DatasetError(
                f"--to {to}: expected hf://datasets/USER/NAME, perhaps @BRANCH and a folder behind"
            )
        super().__init__(to)
        from huggingface_hub import HfApi  # a second; `Place` has said what to install where it is not there

        self._api = HfApi()
        self._repo, self._branch = found["repo"], found["revision"] or "main"
        self._below = f"{found['folder']}/" if found["folder"] else ""
        self._waiting: dict[str, Content] = {}
        self._gone: list[str] = []
        self._head: str | None = None

    def opened_at(self, store: str) -> str:
        """Address over HTTPS under which whoever may read the repository opens the store."""
        where = f"datasets/{self._repo}/resolve/{self._branch}/{self._below}{store}"
        return f"{self._api.endpoint}/{where}"

    def reader_options(self) -> dict[str, Any]:
        """Return the token, where there is one: a private repository is read with it."""
        from huggingface_hub.utils import build_hf_headers

        return {"headers": {k: v for k, v in build_hf_headers().items() if k.lower() == "authorization"}}

    def send(self, name: str, content: Content) -> int:
        """Keep one file for the commit; gives its size in bytes."""
        self._waiting[name] = content
        return content_bytes(content)

    def send_store(
        self, store: str, files: Mapping[str, Content], facts: Mapping[str, FileFacts], manifest: bytes
    ) -> Sent:
        """Keep for the commit what the store there lacks, as `Place.send_store`; until then the old one stays whole."""
        plan = self.planned(store, facts)
        if plan.is_same(manifest):
            return plan.nothing_sent
        new = sorted(facts.keys() - plan.same.keys())
        size = sum(self.send(f"{store}/{name}", files[name]) for name in new)
        size += self.send(f"{store}/{MANIFEST}", manifest)
        self._gone += [f"{store}/{name}" for name in plan.strange]
        return Sent(len(new) + 1, size, len(plan.same), len(plan.strange))

    def finish(self) -> None:
        """Commit everything at once. Raises DatasetError where the Hub refuses; then nothing has changed there."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        added = [self._added(CommitOperationAdd, name, content) for name, content in self._waiting.items()]
        gone = [CommitOperationDelete(self._below + name) for name in self._gone]
        if len(added) + len(gone) > MOST_FILES:
            raise DatasetError(
                f"{self.address}: {len(added) + len(gone):,} files are more than are sent in one commit "
                f"({MOST_FILES:,}): make larger shards, or publish to a folder and send it by `hf upload-large-folder`"
            )
        with self._explained():
            self._api.create_repo(self._repo, repo_type="dataset", exist_ok=True)
            self._api.create_commit(
                self._repo,
                [*added, *gone],
                commit_message="Publish features",
                repo_type="dataset",
                revision=self._branch,
                parent_commit=self._head,
            )
        self._waiting, self._gone = {}, []

    def _added(self, kind: "type[CommitOperationAdd]", name: str, content: Content) -> "CommitOperationAdd":
        return kind(self._below + name, content if isinstance(content, bytes) else str(content))

    def _sizes(self, store: str) -> dict[str, int]:
        """Every file below `store`, and beside it what the branch's head is; nothing where there is no repository."""
        try:
            with self._explained():
                self._head = str(
                    self._api.repo_info(self._repo, repo_type="dataset", revision=self._branch).sha
                )
                return super()._sizes(store)
        except FileNotFoundError:
            return {}

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Raise what the Hub's client raises as ours; FileNotFoundError where there is no such repository or branch."""
        from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

        try:
            yield
        except (RepositoryNotFoundError, RevisionNotFoundError) as error:
            raise FileNotFoundError(str(error)) from error
        except FileNotFoundError:
            raise
        except (OSError, ValueError, RuntimeError) as error:
            raise DatasetError(
                f"{self.address}: the Hub refuses ({_first_line(error)}). What lies there is as it was: see that you "
                "are logged in (`hf auth login`) and may write there, then run the same command again"
            ) from error


def _first_line(error: BaseException) -> Any:
    return next(iter(str(error).strip().splitlines()), repr(error))
