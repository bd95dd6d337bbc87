"""UCF101: 101 classes of videos from the web, with the owners' three lists of training and test clips."""

import re
from collections.abc import Iterator
from functools import cached_property

from pipeline.datasets.listed_videos import ListedVideos, Official, listed_key
from pipeline.datasets.protocol import Card
from pipeline.errors import DatasetError
from pipeline.values import UNKNOWN, Split

GROUP = re.compile(r"v_.+_g(\d{2})_c\d{2}")


class Ucf101(ListedVideos):
    """UCF101: `UCF-101/<class>/v_<class>_g<group>_c<clip>.avi` and `ucfTrainTestlist/`.

    Labels are numbered as `classInd.txt` does, less one. The 25 groups of a class, each from one video of the web,
    stand as set-ups: the lists keep a group on one side.
    """

    name = "ucf101"
    card = Card(
        title="UCF101",
        licence="Research use; the videos belong to those who put them on the web",
        citation=(
            "K. Soomro, A. R. Zamir, M. Shah: UCF101: A Dataset of 101 Human Actions Classes From Videos in The Wild, "
            "CRCV-TR-12-01, 2012"
        ),
        url="https://www.crcv.ucf.edu/data/UCF101.php",
    )
    official = Official(
        13_320, {"split1": (9_537, 3_783), "split2": (9_586, 3_734), "split3": (9_624, 3_696)}
    )
    video_layout = "UCF-101/<class>/v_<class>_g01_c01.avi"
    lists_layout = (
        "ucfTrainTestlist/ with classInd.txt, trainlist01.txt, testlist01.txt, … of splits 01 to 03"
    )

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names in `classInd.txt`, whose lines are "1 ApplyEyeMakeup", counted from 1. Raises DatasetError."""
        names: list[str] = []
        for place, line in self.list_lines("classInd.txt"):
            number, _, name = line.partition(" ")
            if number != str(len(names) + 1) or not name.strip():
                raise DatasetError(f"{place}: expected {len(names) + 1} and a class's name, got {line!r:.80}")
            names.append(name.strip())
        return tuple(names)

    def listed_sides(self, protocol: str) -> Iterator[tuple[str, Split]]:
        """Yield from `trainlist0N.txt`, lines "ApplyEyeMakeup/v_….avi 1", and `testlist0N.txt`, without a number."""
        number = self.protocols.index(protocol) + 1
        for place, line in self.list_lines(f"trainlist{number:02d}.txt"):
            name, _, label = line.rpartition(" ")
            key = listed_key(name)
            label_name = key.partition("/")[0]
            if label_name not in self.labels or label != str(self.labels[label_name] + 1):
                raise DatasetError(
                    f"{place}: expected <class>/<name>.avi and its number in classInd.txt, got {line!r:.120}"
                )
            yield key, "train"
        for _, line in self.list_lines(f"testlist{number:02d}.txt"):
            yield listed_key(line), "test"

    def setup_of(self, label_name: str, stem: str) -> int:  # noqa: ARG002  # as ListedVideos has it
        """Return the group, 1 to 25; unknown where the name tells none."""
        match = GROUP.fullmatch(stem)
        return int(match[1]) if match else UNKNOWN
