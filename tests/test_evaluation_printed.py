"""The mean over three splits, by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import DatasetError
from pipeline.evaluation.printed import mean_of_runs
from pipeline.paths import Paths


def run(root: Path, name: str, protocol: str, **means: float) -> Paths:
    paths = Paths(root, name)
    paths.reports.mkdir(parents=True)
    methods: dict[str, Any] = {
        method: {"mean": mean, "std": None, "by_seed": [mean], "interval": [0, 100]}
        for method, mean in means.items()
    }
    (paths.reports / "metrics.json").write_text(json.dumps({"protocol": protocol, **methods}))
    return paths


def test_methods_of_every_run_are_averaged(tmp_path: Path) -> None:
    runs = [
        run(tmp_path, f"set{n}", f"split{n}", video=80.0 + n, fused=90.0, **({"more": 1.0} if n == 1 else {}))
        for n in (1, 2, 3)
    ]
    lines = mean_of_runs(runs).splitlines()
    assert lines[0].startswith("mean of split1, split2, split3: test accuracy in per cent")
    assert lines[1:] == ["  video  82.0  (81.0, 82.0, 83.0)", "  fused  90.0  (90.0, 90.0, 90.0)"]
    with pytest.raises(DatasetError, match="'split1' is the protocol of two of them"):
        mean_of_runs([runs[0], runs[0]])
    with pytest.raises(DatasetError, match=r"python cli\.py train gone"):
        mean_of_runs([*runs, Paths(tmp_path, "gone")])
