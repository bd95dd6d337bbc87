"""pipeline.report.html: the report's page, its tables, and what its script finds in it."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import RunError
from pipeline.evaluation.confused import ConfusedPair, Confusions
from pipeline.evaluation.metrics import Difference, Score
from pipeline.evaluation.predictions import Predictions
from pipeline.report import figures
from pipeline.report.feature_space import Mapped
from pipeline.report.html.browser import Answers, Browser, ClipLine
from pipeline.report.html.images import Picture
from pipeline.report.html.maps import ClipMaps
from pipeline.report.html.page import SCRIPT, Report, render
from pipeline.report.html.paper_tables import read_paper_tables
from pipeline.report.html.tables import confusion_table
from pipeline.report.pairs import paired_differences
from pipeline.report.pictures import by_class, confusions

SCORES = (
    Score("video", 80.0, 1.5, (76.0, 84.0), (78.5, 81.5)),
    Score("skeleton", 90.0, None, (87.0, 93.0), (90.0,)),
    Score("fused", 95.25, 0.5, (92.5, 97.0), (95.0, 95.5)),
)
SECTIONS = [
    "accuracies",
    "differences",
    "classes",
    "confusions",
    "confused",
    "browse",
    "strips",
    "features",
    "clips",
    "calibration",
    "curves",
    "provenance",
]


class Outline(HTMLParser):
    """Notes what a browser would see, and that every tag closes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "input", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


PREDICTIONS = Predictions(
    ("a", "b", "c"),
    np.array([0, 1, 1]),
    {
        "video": {0: np.array([0, 1, 0]), 1: np.array([0, 0, 0])},
        "fused": {0: np.array([0, 1, 1]), 1: np.array([0, 1, 1])},
    },
)
MAPPED = Mapped(np.array([[0, 0], [1, 2]], np.float32), np.array([[0, 1], [1, 0]], np.float32), 0.5)
BROWSER = Browser(
    ("eat", "drink <tea>"),
    (
        ClipLine("a", 0, "test", ("nan_joints",)),
        ClipLine("b", 1, "test"),
        ClipLine("</script><b>", -1, "failed", (), "crop: VideoError: gone"),
    ),
    {"fused": Answers(((0, 1), (0, 0)), (90, 60), (90, 60))},
    "fused",
    {"video": (((1, 93),), ((0, 93),))},
)


def report() -> Report:
    picture = Picture(figures.accuracies(SCORES), 'bars of "fused"', "Higher is better.")
    return Report(
        dataset="demo",
        protocol="xsub",
        scores=SCORES,
        differences=(
            Difference("fused", "skeleton", 5.25, (1.0, 9.0)),
            Difference("fused", "concatenation", -0.5, (-2.0, 1.0)),
        ),
        clips={"train": 1200, "val": 30, "test": 200, "failed": 2},
        notes=("backbones trained once", "selected on: val"),
        flags={"nan_joints": 4},
        failures=(("S001<script>alert(1)</script>", "VideoError", "ends after frame 3 & no more"),),
        accuracies=picture,
        classes=("eat", "drink <tea>"),
        pairs=paired_differences(PREDICTIONS),
        by_class=by_class(PREDICTIONS, 2),
        confusions=confusions(PREDICTIONS, 2),
        confused=Confusions("skeleton", "fused", (ConfusedPair(("eat", "drink"), 12.5, 4.25),)),
        calibration=picture,
        maps=ClipMaps(
            (0, 1),
            np.array([0, 1]),
            (("video", MAPPED), ("fused", Mapped(lacking="too few to map"))),
        ),
        browser=BROWSER,
        curves=picture,
        strips=(picture,) * 3,
        provenance={"recipe": "abc", "video-0.pt": "00ff<b>"},
    )


def outline(page: str) -> Outline:
    parser = Outline()
    parser.feed(page)
    assert parser.open == []
    return parser


def test_the_page_has_every_section_and_every_number() -> None:
    seen = outline(render(report()))
    assert [section["id"] for section in seen.all("section")] == SECTIONS
    for text in (
        "95.25",
        "± 0.50",
        "92.5 to 97.0",
        "+5.25",
        "−2.0 to +1.0",
        "not told apart",
        "1,200",
        "nan_joints",
        "eat / drink",
        "12.5",
        "−8.25",
    ):
        assert text in seen.text
    for text in ("backbones trained once", "selected on: val", "ends after frame 3 & no more", "one seed"):
        assert text in seen.text
    assert len(seen.all("img")) == 6
    assert len(seen.all("table")) == 12
    assert len([use for use in seen.all("use") if "data-clip" in use]) == 4  # two clips, two maps


def test_the_page_leads_nowhere_and_runs_its_own_script_alone() -> None:
    page = render(report())
    ours = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    assert f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{ours}'" in page
    assert [dict(one) for one in outline(page).all("script")] == [
        {"id": "data", "type": "application/json"},
        {},
    ]
    assert f"<script>{SCRIPT}</script>" in page
    assert not re.search(r"https?:|//|url\(|@import", re.sub(r"base64,[^\"]*|sha256-[^']*", "", page))
    assert "S001&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "00ff&lt;b&gt;" in page
    assert all(image["src"].startswith("data:image/webp;base64,") for image in outline(page).all("img"))


def test_the_script_finds_what_it_looks_for() -> None:
    """Each id and each field of a form that the script names stands in the page."""
    seen = outline(render(report()))
    there = {attributes.get("id") for _, attributes in seen.tags}
    listed = re.search(r'\["filters".*?\]', SCRIPT)
    assert listed is not None
    asked = {*json.loads(listed[0]), *re.findall(r'getElementById\("([\w-]+)"\)', SCRIPT)}
    assert asked - there == set()
    fields = {attributes.get("name") for tag, attributes in seen.tags if tag in ("select", "input")}
    assert set(re.findall(r"wanted\.(\w+)", SCRIPT)) == fields


def test_what_the_script_reads_is_what_was_given() -> None:
    text = BROWSER.data
    assert "</script>" not in text
    data = json.loads(text)
    assert data["clips"] == [
        ["a", 0, "test", [0], ""],
        ["b", 1, "test", [], ""],
        ["</script><b>", -1, "failed", [], "crop: VideoError: gone"],
    ]
    assert data["flags"] == ["nan_joints"]
    assert data["answers"] == {"fused": {"bySeed": [[0, 1], [0, 0]], "sure": [90, 60], "truth": [90, 60]}}
    assert data["near"] == {"video": [[[1, 93]], [[0, 93]]]}


def test_cells_of_a_confusion_matrix_name_their_clips() -> None:
    """video, class 1: of two clips and two seeds one answer is right, so 25 %; empty cells are no buttons."""
    text = confusion_table(confusions(PREDICTIONS, 2)[0], ("eat", "drink"))
    assert re.findall(r'data-said="(\d)">(\d+)<', text) == [("0", "100"), ("0", "75"), ("1", "25")]
    assert text.count("<td></td>") == 2  # the corner, and eat taken for drink


def test_the_page_can_be_heard() -> None:
    seen = outline(render(report()))
    assert seen.all("html")[0]["lang"] == "en"
    assert all(image["alt"] == 'bars of "fused"' for image in seen.all("img"))
    assert len(seen.all("caption")) == len(seen.all("table"))
    assert {cell["scope"] for cell in seen.all("th")} == {"row", "col"}
    assert all("aria-label" in svg or "aria-hidden" in svg for svg in seen.all("svg"))


def test_a_small_report_leaves_out_what_it_has_not() -> None:
    small = Report("demo", "xsub", SCORES, (), {"train": 1, "val": 0, "test": 1, "failed": 0})
    seen = outline(render(small))
    assert [section["id"] for section in seen.all("section")] == ["accuracies", "clips"]
    assert "No clip failed." in seen.text


def test_many_failures_are_counted() -> None:
    many = tuple((f"clip{number}", "VideoError", "unreadable") for number in range(1203))
    page = Report(
        "demo", "xsub", SCORES, (), {"train": 1, "val": 0, "test": 1, "failed": 1203}, failures=many
    )
    text = outline(render(page)).text
    assert "1,003 more stand in failures.jsonl." in text
    assert "clip199" in text
    assert "clip200" not in text


def written_table(folder: Path, **changes: object) -> Path:
    record = {
        "row": "Max <",
        "mean": 79.1,
        "std": 0.4,
        "difference": -1.5,
        "difference_interval": [-3.6, 0.6],
        "paper": {"NTU60 X-View": 94.63},
        "paper_difference": -1.19,
        "level": "frozen trunk",
        "not_run": None,
    }
    absent = {
        **record,
        "row": "Other",
        "mean": None,
        "difference": None,
        "difference_interval": None,
        "level": "",
    }
    document = {
        "table": "amfi-3",
        "title": "AMFI-Net, Table 3",
        "preset": "demo",
        "scale": "small",
        "seeds": [0, 1],
        "compared": "NTU60 X-View",
        "rows": [record, {**absent, "paper": {}, "paper_difference": None, "not_run": "no video"}],
        "differing": ["dataset: demo"],
    }
    folder.mkdir()
    (folder / "amfi-3.json").write_text(json.dumps({**document, **changes}), encoding="utf-8")
    return folder


def test_tables_of_the_papers_stand_on_the_page(tmp_path: Path) -> None:
    assert read_paper_tables(tmp_path / "tables") == []
    found = read_paper_tables(written_table(tmp_path / "tables"))
    page = Outline()
    page.feed(render(Report("demo", "xsub", SCORES, (), {"train": 3}, tables=found)))
    text = page.text.replace("\n", "")
    assert "Max <79.10 ± 0.40−1.50−3.6 to +0.694.63−1.19frozen trunk" in text
    assert "Other–––––not run: no video" in text
    assert "What differs from the paperdataset: demo" in text


def test_a_table_of_another_form_is_refused_with_its_file(tmp_path: Path) -> None:
    folder = written_table(tmp_path / "tables", seeds=None)
    with pytest.raises(RunError, match=r"amfi-3.json is not as .* run that table again"):
        read_paper_tables(folder)
