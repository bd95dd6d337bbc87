"""Networks, losses and training in torch: tensors in, tensors out; a skeleton's layout comes in as edges."""

import os

if "OMP_WAIT_POLICY" not in os.environ:
    # Threads of torch's OpenMP wait for each other at every barrier, and spin 300,000 times before they sleep: beside
    # other work that is the time in which the one waited for could run. 1,000 is what libgomp takes by itself where it
    # knows of more threads than cores. It is read when torch is loaded, and no module of ours loads torch before this.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
