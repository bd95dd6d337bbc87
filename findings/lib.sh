# Sourced by every finding: `. lib.sh name==version ...`
# Makes a fresh environment with these packages in a temporary folder, goes there, and removes it at the end.
# `python` and the packages' commands are then the fresh environment's.
set -eu
work=$(mktemp -d)
trap 'cd /; rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-warn-conflicts "$@" 2>"$work/pip.txt" ||
    { cat "$work/pip.txt" >&2; exit 2; }
export PATH="$work/venv/bin:$PATH" HOME="$work" OMP_NUM_THREADS=1 PYTHONWARNINGS=ignore
unset PYTHONPATH
cd "$work"
