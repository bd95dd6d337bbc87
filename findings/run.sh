#!/usr/bin/env bash
# Runs the findings named on the command line, or all of them. Needs a package index; CI never calls it.
# Prints "pass" where the surprise is still there and "FAIL" where the behaviour has changed.
set -u
cd "$(dirname "$0")"
[ $# -gt 0 ] || set -- $(ls ./*.sh | grep -v -e '/lib.sh' -e '/run.sh')
failed=0
for name in "$@"; do
    name=$(basename "$name" .sh)
    if output=$(bash "./$name.sh" 2>&1); then
        echo "pass  $name"
    else
        echo "FAIL  $name"
        printf '%s\n' "$output" | tail -20 | sed 's/^/      /'
        failed=$((failed + 1))
    fi
done
[ "$failed" -eq 0 ]
