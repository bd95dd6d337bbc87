"""HMDB51: 51 classes of clips from films and the web, with the owners' three splits of 70 and 30 clips a class."""

from collections.abc import Iterator
from zlib import crc32

from pipeline.datasets.listed_videos import ListedVideos, Official
from pipeline.datasets.protocol import Card
from pipeline.errors import DatasetError
from pipeline.values import MOST, Split

CLASSES = (
    "brush_hair", "cartwheel", "catch", "chew", "clap", "climb", "climb_stairs", "dive", "draw_sword", "dribble",
    "drink", "eat", "fall_floor", "fencing", "flic_flac", "golf", "handstand", "hit", "hug", "jump", "kick",
    "kick_ball", "kiss", "laugh", "pick", "pour", "pullup", "punch", "push", "pushup", "ride_bike", "ride_horse",
    "run", "shake_hands", "shoot_ball", "shoot_bow", "shoot_gun", "sit", "situp", "smile", "smoke", "somersault",
    "stand", "swing_baseball", "sword", "sword_exercise", "talk", "throw", "turn", "walk", "wave",
)  # fmt: skip
"""The folders' names, sorted, as every list of labels for HMDB51 numbers them."""

MARKS: dict[str, Split] = {"0": "unused", "1": "train", "2": "test"}
"""Meaning of the number behind a clip's name in the lists."""


class Hmdb51(ListedVideos):
    """HMDB51: `<class>/<name>.avi` and `testTrainMulti_7030_splits/<class>_test_split<N>.txt`.

    A clip's name begins with that of the film or video that it was cut from; clips with one beginning share a
    set-up, numbered by the beginning's CRC-32, so that a partial download has the same numbers.
    """

    name = "hmdb51"
    card = Card(
        title="HMDB51",
        licence="CC BY 4.0 for the dataset; the films belong to their owners",
        citation=(
            "H. Kuehne, H. Jhuang, E. Garrote, T. Poggio, T. Serre: HMDB: A Large Video Database for Human Motion "
            "Recognition, ICCV 2011"
        ),
        url="https://serre-lab.clps.brown.edu/resource/hmdb-a-large-human-motion-database/",
    )
    official = Official(6_766, dict.fromkeys(ListedVideos.protocols, (3_570, 1_530)))
    video_layout = "<class>/<name>.avi, as brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_0.avi"
    lists_layout = "testTrainMulti_7030_splits/ with <class>_test_split1.txt, … of 51 classes and 3 splits"
    classes = CLASSES

    def listed_sides(self, protocol: str) -> Iterator[tuple[str, Split]]:
        """Yield from `<class>_test_split<N>.txt`, whose lines are "<name>.avi 1": 1 trains, 2 tests, 0 is unused."""
        number = self.protocols.index(protocol) + 1
        for label_name in self.classes:
            for place, line in self.list_lines(f"{label_name}_test_split{number}.txt"):
                name, _, mark = line.rpartition(" ")
                if mark not in MARKS or not name.strip():
                    raise DatasetError(f"{place}: expected <name>.avi and 0, 1 or 2, got {line!r:.160}")
                yield f"{label_name}/{name.strip().rpartition('.')[0]}", MARKS[mark]

    def setup_of(self, label_name: str, stem: str) -> int:
        """Return a number of what stands in the name before its class: the film or video."""
        source = stem.rpartition(f"_{label_name}_")[0] or stem
        return crc32(source.encode("utf-8", "surrogateescape")) % MOST
