"""ARID: eleven actions filmed in the dark, with the owners' three splits."""

import re
from collections.abc import Iterator

from pipeline.datasets.listed_videos import ListedVideos, Official, listed_key
from pipeline.datasets.protocol import Card
from pipeline.errors import DatasetError
from pipeline.values import UNKNOWN, Split

CLASSES = ("Drink", "Jump", "Pick", "Pour", "Push", "Run", "Sit", "Stand", "Turn", "Walk", "Wave")
"""Names of labels 0 to 10, as the owners' mapping_table.txt has them."""

PARTS: dict[str, Split] = {"train": "train", "test": "test", "other": "unused"}
"""The lists of a split, and who is on them; the owners' own code reads the first two."""

GROUP = re.compile(r"[A-Za-z]+_(\d+)_\d+")


class Arid(ListedVideos):
    """ARID: `<class>/<class>_<group>_<clip>.mp4` or `.avi`, and `list_cvt/ARID_split<N>_{train,test,other}.txt`.

    The lists name `.avi`, into which the owners convert the `.mp4` of the download: either is read. A group, what was
    filmed in one go, stands as set-up.
    """

    name = "arid"
    card = Card(
        title="ARID",
        licence="CC BY 4.0",
        citation=(
            "Y. Xu, J. Yang, H. Cao, K. Mao, J. Yin, S. See: ARID: A New Dataset for Recognizing Action in the Dark, "
            "arXiv 2006.03876, 2020"
        ),
        url="https://xuyu0010.github.io/arid.html",
    )
    official = Official(3_784, {"split1": (2_288, 823), "split2": (2_252, 859), "split3": (2_259, 852)})
    video_layout = "<class>/<class>_<group>_<clip>.mp4, as Drink/Drink_10_1.mp4"
    lists_layout = "list_cvt/ with ARID_split1_train.txt, ARID_split1_test.txt, … of 3 splits"
    classes = CLASSES

    def listed_sides(self, protocol: str) -> Iterator[tuple[str, Split]]:
        """Yield from `ARID_split<N>_<part>.txt`, whose lines are a number, the label and "Drink/Drink_10_1.avi"."""
        for part, side in PARTS.items():
            for place, line in self.list_lines(f"ARID_{protocol}_{part}.txt"):
                words = line.split()
                key = listed_key(words[-1])
                label_name = key.partition("/")[0]
                if words[1:-1] != [str(self.labels.get(label_name))]:
                    raise DatasetError(
                        f"{place}: expected a number, the label and <class>/<name>.avi, got {line!r:.120}"
                    )
                yield key, side

    def setup_of(self, label_name: str, stem: str) -> int:  # noqa: ARG002  # as ListedVideos has it
        """Return the group; unknown where the name tells none."""
        match = GROUP.fullmatch(stem)
        return int(match[1]) if match else UNKNOWN
