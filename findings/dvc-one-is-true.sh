#!/usr/bin/env bash
# DVC 3.67.1.
#
# Expected: a stage runs again when a parameter that it reads has changed, and only then.
# Happens: DVC compares old and new with Python's `==`. `mirror: 1` changed to `mirror: true` or `1.0` counts as
# unchanged, though the stage's own program reads another type; its output stays the old one. And a parameter
# that is `.nan` (a fill value for lost joints) differs from itself: that stage is never up to date.
# Seen:
#   mirror: 1 | to run: fill | the output holds 1
#   mirror: true | to run: fill | the output holds 1
#   mirror: 1.0 | to run: fill | the output holds 1
#   mirror: 2 | to run: mirror fill | the output holds 1
. "$(dirname "$0")/lib.sh" dvc==3.67.1 PyYAML==6.0.4
export DVC_NO_ANALYTICS=1
mkdir repo && cd repo
dvc init --quiet --no-scm
cat >read.py <<'PY'
import sys, yaml
print(repr(yaml.safe_load(open("params.yaml"))[sys.argv[1]]), file=open(sys.argv[1] + ".txt", "w"))
PY
cat >dvc.yaml <<'YAML'
stages:
  mirror: {cmd: python read.py mirror, params: [mirror], outs: [mirror.txt]}
  fill: {cmd: python read.py fill, params: [fill], outs: [fill.txt]}
YAML
stages() { dvc status | grep -o -e '^mirror' -e '^fill' | tr '\n' ' '; }
for value in 1 true 1.0 2; do
    printf 'mirror: %s\nfill: .nan\n' "$value" >params.yaml
    [ -e dvc.lock ] || dvc repro --quiet
    echo "mirror: $value | to run: $(stages)| the output holds $(cat mirror.txt)" | tee -a ../seen
done
cat >../expected <<'TXT'
mirror: 1 | to run: fill | the output holds 1
mirror: true | to run: fill | the output holds 1
mirror: 1.0 | to run: fill | the output holds 1
mirror: 2 | to run: mirror fill | the output holds 1
TXT
diff ../expected ../seen
