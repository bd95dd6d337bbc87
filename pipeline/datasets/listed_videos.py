"""Videos alone, a folder a class, whose owners' lists say which clip trains and which tests, in three splits."""

from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from pipeline.datasets.clip_ids import clip_id_of, name_beside, names_of_files
from pipeline.datasets.find_files import files_below, is_text, some_names
from pipeline.datasets.protocol import Axis, Card, Listing, Modality, check_choice
from pipeline.datasets.table.skeleton_file import whole_frame_skeleton
from pipeline.errors import ClipError, DatasetError
from pipeline.skeleton.layouts import WHOLE_FRAME
from pipeline.values import Clip, Skeleton, Split
from pipeline.video.video import AvVideo, VideoSource

VIDEO_ENDINGS = (".avi", ".mp4")
"""Endings of videos as the owners, or many users, keep them; the lists' names count without their ending."""


@dataclass(frozen=True, slots=True)
class Official:
    """Official size of the whole dataset."""

    num_clips: int
    sides: Mapping[str, tuple[int, int]]
    """Protocol to its numbers of clips (that train, that test); what is left over is unused."""


class ListedVideos(ABC):
    """A dataset in which a clip is `<class>/<name>.avi`, wherever its class's folder lies below the root.

    Its splits are protocols, so that another split costs no clip anew. There are no skeletons: boxes are whole
    frames. What is filmed in one go shares a set-up (`Clip.setup`), along which validation is held out.
    """

    name: str
    card: Card
    official: Official
    video_layout: str
    """Place of the videos, as a user reads it in a message."""
    lists_layout: str
    """Place of the lists, as a user reads it in a message."""

    layout = WHOLE_FRAME
    max_persons = 1
    modality: Modality = "rgb"
    protocols: tuple[str, ...] = ("split1", "split2", "split3")

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._sides = cache(self._checked_sides)

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """Names of the labels 0, 1, …, which are the folders' names."""

    @abstractmethod
    def listed_sides(self, protocol: str) -> Iterator[tuple[str, Split]]:
        """Yield (`<class>/<name>`, its side) of every line of the owners' lists. Raises DatasetError."""

    @abstractmethod
    def setup_of(self, label_name: str, stem: str) -> int:
        """Return the number that clips filmed in one go share, told by a file's name."""

    def listing(self) -> Listing:
        """List every video; one in a folder that is no class, or that lies there twice, fails."""
        return self._listing

    def split(self, clip: Clip, protocol: str) -> Split:
        """Return the side that the lists name; `unused` where they leave the clip out."""
        check_choice(protocol, self.protocols, f"protocol of {self.card.title}")
        return self._sides(protocol).get(listed_key(clip.video), "unused")

    def axis(self, protocol: str) -> Axis:
        """Return set-ups: what was filmed in one go is held out together."""
        check_choice(protocol, self.protocols, f"protocol of {self.card.title}")
        return "setup"

    def sources(self, clip: Clip) -> dict[str, Path]:
        """Return the path of the video."""
        return {"video": self.root / clip.video}

    def read_skeleton(self, clip: Clip) -> tuple[Skeleton, frozenset[str]]:
        """One joint, never known, in each frame of the video."""
        return whole_frame_skeleton(self.open_video(clip).probe().num_frames, self.max_persons), frozenset()

    def open_video(self, clip: Clip) -> VideoSource:
        """The video file."""
        return AvVideo(self.root / clip.video)

    def list_lines(self, name: str) -> Iterator[tuple[str, str]]:
        """Yield (place in words, line) of the list `name`, lines without a word left out. Raises DatasetError."""
        path = self._list_path(name)
        text = path.read_bytes().decode("utf-8", "surrogateescape")  # as the file system gives names
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                yield f"{self.name}: {path.relative_to(self.root)}: line {number}", line.strip()

    @cached_property
    def labels(self) -> dict[str, int]:
        """Label of each class, by its name."""
        return {name: label for label, name in enumerate(self.classes)}

    def _list_path(self, name: str) -> Path:
        found = self._lists.get(name, [])
        if not found:
            others = some_names(sorted(self._lists)) or "no .txt file"
            raise DatasetError(
                f"{self.name}: no {name} below {self.root}; expected {self.lists_layout}, found {others}: put the "
                "owners' lists there"
            )
        if len({path.read_bytes() for path in found}) > 1:
            places = " and ".join(path.relative_to(self.root).as_posix() for path in found)
            raise DatasetError(f"{self.name}: {name} lies there twice and differs, {places}; keep one")
        return found[0]

    def _checked_sides(self, protocol: str) -> dict[str, Split]:
        """The lists' sides, by key; refused where they are not of these clips."""
        sides: dict[str, Split] = {}
        for key, side in self.listed_sides(protocol):
            if sides.setdefault(key, side) != side:
                raise DatasetError(
                    f"{self.name}: {protocol}: the lists put {key} on two sides; fetch them again"
                )
        here = [listed_key(clip.video) for clip in self._listing.clips]
        count = Counter(sides.get(key, "unused") for key in here)
        if here and not count["train"] and not count["test"]:
            raise DatasetError(
                f"{self.name}: {protocol}: of {len(here)} clips, {here[0]} first, the lists name none; their "
                f"first name is {next(iter(sides), 'none at all')}"
            )
        expected = self.official.sides[protocol]
        found = count["train"], count["test"]
        if len(here) >= self.official.num_clips and found != expected:
            raise DatasetError(
                f"{self.name}: {protocol}: all {len(here):,} clips are there; expected {expected[0]:,} to train and "
                f"{expected[1]:,} to test, the lists give {found[0]:,} and {found[1]:,}: fetch the lists again"
            )
        return sides

    @cached_property
    def _files(self) -> list[Path]:
        if not self.root.is_dir():
            raise DatasetError(f"{self.name}: no folder {self.root}; expected {self.video_layout} in it")
        return [path for path in files_below(self.root) if not path.name.startswith(".")]

    @cached_property
    def _lists(self) -> dict[str, list[Path]]:
        """Every text file by its name."""
        found: dict[str, list[Path]] = defaultdict(list)
        for path in self._files:
            if path.suffix == ".txt":
                found[path.name].append(path)
        return dict(found)

    @cached_property
    def _videos(self) -> dict[str, list[str]]:
        """Paths below the root, by key."""
        found: dict[str, list[str]] = defaultdict(list)
        for path in self._files:
            if path.suffix in VIDEO_ENDINGS:
                place = path.relative_to(self.root).as_posix()
                found[listed_key(place)].append(place)
        if not found:
            here = some_names(sorted(path.name for path in self.root.iterdir())) or "an empty folder"
            raise DatasetError(
                f"{self.name}: no video below {self.root}; expected {self.video_layout}, found {here}"
            )
        return dict(found)

    @cached_property
    def _listing(self) -> Listing:
        clips: list[Clip] = []
        failures: list[tuple[str, str, str]] = []
        names = names_of_files(f"{key}.avi" for key in self._videos)
        for key, places in self._videos.items():
            name = names[f"{key}.avi"]
            try:
                clips.append(self._clip(name, key, places))
            except ClipError as error:
                failures.append((clip_id_of(name), type(error).__name__, str(error)))
        missing = max(0, self.official.num_clips - len(clips))
        return Listing(
            clips=tuple(sorted(clips, key=lambda clip: clip.clip_id)),
            failures=tuple(sorted(failures)),
            absent={f"clips of the {self.official.num_clips:,} of {self.card.title}": missing},
        )

    def _clip(self, name: str, key: str, places: Sequence[str]) -> Clip:
        label_name, _, stem = key.partition("/")
        if len(places) > 1:
            raise ClipError(f"it lies there twice, {places[0]} and {places[1]}; keep one")
        if label_name not in self.labels:
            raise ClipError(
                f"{places[0]!a:.120} lies in {label_name!a:.40}, none of the {len(self.labels)} classes; expected "
                f"{self.video_layout}"
            )
        if not is_text(places[0]):
            raise ClipError(f"the name {places[0]!a:.120} is not UTF-8; rename it")
        clip_id = clip_id_of(name)
        return Clip(
            clip_id=clip_id,
            label=self.labels[label_name],
            video=places[0],
            setup=self.setup_of(label_name, stem),
            name=name_beside(clip_id, name),
        )


def listed_key(place: str) -> str:
    """`<class>/<name>` of a path: the folder that a file lies in, and its name without the ending."""
    folders, _, name = place.rpartition("/")
    return f"{folders.rpartition('/')[2]}/{name.rpartition('.')[0]}"
