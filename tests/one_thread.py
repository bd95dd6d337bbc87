"""Imported first by conftest: the process, and whom it starts, use one thread and none of our settings.

TEST_THREADS asks for more (bench/processors.py).
"""

import os

# Before the libraries that read it once: floats depend on it, and threads spin where cores are shared.
for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = os.environ.get("TEST_THREADS", "1")
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # commands keep bytecode, as a user's do
# The machine's own settings are not the tests'.
for name in [name for name in os.environ if name.startswith("HARCACHE_") and name != "HARCACHE_REAL_DATA"]:
    del os.environ[name]
