"""Three clips of 10,000 over HTTP: how many bytes move?

    python bench/incremental_web.py

Serves the synthetic store of bench/incremental.py from this machine and counts the bodies that the server sends.
"""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.incremental_clips import build, clip_id, rows, spec
from cache import Cache, reader
from tests.serving import serving


def main() -> None:
    """Print the bytes and requests of opening and of reading."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=10_000)
    clips = parser.parse_args().clips
    with TemporaryDirectory() as name:
        folder = Path(name)
        out = folder / "web" / "store.zarr"
        build(Cache(folder / "cache"), out, rows(range(clips)), spec())
        size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
        with serving(out.parent) as web, reader.open(f"{web.url}/store.zarr") as store:
            print(f"open: {web.bytes:,} bytes in {len(web.asked)} requests; the store holds {size:,}")
            for number in (3, clips // 2, clips - 1):
                store.clip(clip_id(number))
            print(
                f"and three clips: {web.bytes:,} bytes in {len(web.asked)} requests, {web.bytes / size:.2%} of it"
            )


if __name__ == "__main__":
    main()
