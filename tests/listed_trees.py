"""Small trees of UCF101, HMDB51 and ARID, exactly as their owners lay them out, odd names included."""

from pathlib import Path

from odd_sets import video

from pipeline.datasets.hmdb51.adapter import CLASSES as HMDB51_CLASSES

UCF101 = {
    "ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01": "test",
    "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01": "train",
    "ApplyEyeMakeup/v_ApplyEyeMakeup_g09_c02": "train",
    "HandstandPushups/v_HandStandPushups_g01_c04": "test",
    "HandstandPushups/v_HandStandPushups_g08_c01": "train",
    "HandstandPushups/v_HandStandPushups_g25_c01": "train",
}
"""Clip to its side in split 1; the folder HandstandPushups holds files that spell it otherwise."""

LONG = "THE_PROTECTOR_a_name_that_goes_on_for_more_than_sixty_four_letters_walk_f_cm_np1_ba_bad_3"
HMDB51 = {
    "brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_0": "1",
    "brush_hair/April_09_brush_hair_u_nm_np1_ba_goo_1": "1",
    "brush_hair/Brushing_my_hair!_(2)_[HQ]_&_more;_brush_hair_u_nm_np1_fr_goo_0": "2",
    "brush_hair/brush_hair_#1_brush_hair_h_nm_np1_ri_med_0": "0",
    "walk/50_FIRST_DATES_walk_f_cm_np1_ba_med_11": "1",
    "walk/été_à_Paris_walk_f_cm_np1_ba_med_2": "2",
    f"walk/{LONG}": "1",
}
"""Clip to its mark in split 1."""

ARID = {
    "Drink/Drink_10_1": "test", "Drink/Drink_11_1": "train", "Drink/Drink_12_3": "train", "Drink/Drink_13_8": "other",
    "Wave/Wave_1_2": "train", "Wave/Wave_2_14": "test", "Wave/Wave_3_1": "train",
}  # fmt: skip
"""Clip to the list of split 1 that names it."""


def videos(root: Path, keys: dict[str, str], ending: str) -> None:
    """A clip of twelve frames for each, no two alike."""
    for number, key in enumerate(keys):
        video(root / f"{key}{ending}", number)


def ucf101(root: Path) -> Path:
    """UCF-101/ and ucfTrainTestlist/; splits 2 and 3 exchange the sides."""
    videos(root / "UCF-101", UCF101, ".avi")
    lists = root / "ucfTrainTestlist"
    lists.mkdir()
    numbers = {"ApplyEyeMakeup": 1, "HandstandPushups": 2}
    (lists / "classInd.txt").write_text("".join(f"{n} {name}\r\n" for name, n in numbers.items()))
    for split in (1, 2, 3):
        for name, side in (("train", "train"), ("test", "test")):
            on_it = [key for key, listed in UCF101.items() if (listed == side) == (split == 1)]
            label = (lambda key: f" {numbers[key.partition('/')[0]]}") if name == "train" else (lambda _: "")
            text = "".join(f"{key}.avi{label(key)}\n" for key in on_it)
            (lists / f"{name}list{split:02d}.txt").write_text(text)
    return root


def hmdb51(root: Path, clips: dict[str, str] = HMDB51) -> Path:
    """A folder a class, and the 153 lists, each line with the blank that the owners leave at its end."""
    videos(root / "hmdb51_org", clips, ".avi")
    lists = root / "testTrainMulti_7030_splits"
    lists.mkdir()
    for split in (1, 2, 3):
        for label_name in HMDB51_CLASSES:
            marks = {key: mark for key, mark in clips.items() if key.startswith(f"{label_name}/")}
            text = "".join(f"{key.partition('/')[2]}.avi {mark} \n" for key, mark in marks.items())
            (lists / f"{label_name}_test_split{split}.txt").write_text(text, encoding="utf-8")
    return root


def arid(root: Path) -> Path:
    """`.mp4` as they are downloaded; the lists say `.avi`."""
    videos(root / "clips_v1", ARID, ".mp4")
    lists = root / "list_cvt"
    lists.mkdir()
    (lists / "mapping_table.txt").write_text("0\tDrink\n10\tWave\n")
    for split in (1, 2, 3):
        for part in ("train", "test", "other"):
            on_it = [key for key, listed in ARID.items() if listed == part]
            text = "".join(
                f"{n}\t{0 if key.startswith('Drink') else 10}\t{key}.avi\n" for n, key in enumerate(on_it)
            )
            (lists / f"ARID_split{split}_{part}.txt").write_text(text)
    return root
