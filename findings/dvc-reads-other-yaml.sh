#!/usr/bin/env bash
# DVC 3.67.1 (ruamel.yaml, YAML 1.2) beside PyYAML 6.0.4 (YAML 1.1).
#
# Expected: the value that DVC shows, compares and puts on a stage's command line is the one that the stage's
# program gets from the same params.yaml.
# Happens: six plain values differ between the two readers. DVC records lr 0.0005 where the program holds the
# text "5e-4", setup 17 where it holds 15, and a clip name "1:30" where it holds 90; and a person typing
# `yes` gets a truth in the one and a word in the other.
# Seen:
#   lr: DVC 0.0005, PyYAML '5e-4'
#   steps: DVC 1000.0, PyYAML '1e3'
#   setup: DVC 17, PyYAML 15
#   mode: DVC 15, PyYAML '0o17'
#   flip: DVC yes, PyYAML True
#   name: DVC 1:30, PyYAML 90
. "$(dirname "$0")/lib.sh" dvc==3.67.1 PyYAML==6.0.4
export DVC_NO_ANALYTICS=1
mkdir repo && cd repo
dvc init --quiet --no-scm
printf '%s\n' 'lr: 5e-4' 'steps: 1e3' 'setup: 017' 'mode: 0o17' 'flip: yes' 'name: 1:30' >params.yaml
cat >dvc.yaml <<'YAML'
stages:
  train:
    cmd: python show.py ${lr} ${steps} ${setup} ${mode} ${flip} ${name}
    params: [lr, steps, setup, mode, flip, name]
YAML
cat >show.py <<'PY'
import sys, yaml
theirs = yaml.safe_load(open("params.yaml"))
for (key, value), word in zip(theirs.items(), sys.argv[1:]):
    print(f"{key}: DVC {word}, PyYAML {value!r}", file=open("../seen", "a"))
PY
dvc repro --quiet
cat ../seen
cat >../expected <<'TXT'
lr: DVC 0.0005, PyYAML '5e-4'
steps: DVC 1000.0, PyYAML '1e3'
setup: DVC 17, PyYAML 15
mode: DVC 15, PyYAML '0o17'
flip: DVC yes, PyYAML True
name: DVC 1:30, PyYAML 90
TXT
diff ../expected ../seen
