"""Imported first by conftest: the process, and whom it starts, use one thread and none of our settings."""

import os

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = (
        "1"  # before the libraries that read it once; floats depend on it, and cores are shared
    )
for name in [name for name in os.environ if name.startswith("HARCACHE_") and name != "HARCACHE_REAL_DATA"]:
    del os.environ[name]  # the machine's own settings are not the tests'
