"""Runs the tests as other processors would: with older instruction sets, and on more threads.

Each row is one run of pytest in a process of its own, with the settings by which torch and oneDNN leave out
instructions that the processor at hand has. A test that is green in one row and red in another asks more of
floating point than its arithmetic can give, or lets a sort choose among equals.

    python bench/processors.py                               # all tests: over an hour on two cores
    python bench/processors.py tests/test_models_*.py        # those whose sums depend on the processor
    python bench/processors.py --rows "all at once" "4 threads"
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[1]

ROWS: dict[str, dict[str, str]] = {
    "as it is": {},
    "torch without AVX": {"ATEN_CPU_CAPABILITY": "default"},
    "torch with AVX2": {"ATEN_CPU_CAPABILITY": "avx2"},
    "oneDNN with AVX2": {"DNNL_MAX_CPU_ISA": "AVX2"},
    "both with AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "DNNL_MAX_CPU_ISA": "AVX2"},
    "all at once": {"ATEN_CPU_CAPABILITY": "default", "DNNL_MAX_CPU_ISA": "AVX2", "TEST_THREADS": "2"},
    "2 threads": {"TEST_THREADS": "2"},
    "4 threads": {"TEST_THREADS": "4"},
}


def tested(settings: dict[str, str], tests: list[str], workers: str) -> "subprocess.CompletedProcess[str]":
    """Run these tests under these settings; the slowest files first, as `make test` has them."""
    order = ["--dist", "loadfile", "--no-loadscope-reorder", "--numprocesses", workers]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *order, *tests],
        cwd=HOUSE,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )


def main() -> int:
    """Print each row's end and its failures; exit status 1 where any row has one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tests", nargs="*", default=["tests"])
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--workers", default="2", help="processes of pytest-xdist that share the test files")
    options = parser.parse_args()
    worst = 0
    for name in options.rows:
        began = time.monotonic()
        ran = tested(ROWS[name], options.tests, options.workers)
        failed = [line for line in ran.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
        print(
            f"{name:20} {'green' if ran.returncode == 0 else 'RED'}, {time.monotonic() - began:.0f} s",
            flush=True,
        )
        print(*(f"    {line}" for line in failed), sep="\n", end="\n" if failed else "")
        worst = max(worst, ran.returncode)
    return int(worst != 0)


if __name__ == "__main__":
    raise SystemExit(main())
