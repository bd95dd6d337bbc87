#!/usr/bin/env bash
# DVC 3.67.1, ruamel.yaml 0.19.1, ruamel.yaml.clib 0.2.15.
#
# Expected: whether DVC can read a params.yaml depends on the file and on DVC's version.
# Happens: DVC reads by libyaml where ruamel.yaml.clib is installed, and else by ruamel.yaml's own parser, and the two
# do not take the same files. ruamel.yaml 0.18 asked for the former; 0.19.1 no longer does, so that a fresh install of
# DVC has the latter. There `{lr:0.1, epochs:30}`, the blank after each colon forgotten, is two keys without a value, which
# dvc.lock records with status 0; where any package brought ruamel.yaml.clib along, the same file is refused. With a tab
# after the colon it is the other way round: what one machine reads, the next does not.
# Seen:
#   ruamel.yaml.clib absent: blank forgotten: status 0, plan {'lr:0.1': None, 'epochs:30': None}
#   ruamel.yaml.clib absent: tab: status 255, not read
#   ruamel.yaml.clib there: blank forgotten: status 255, not read
#   ruamel.yaml.clib there: tab: status 0, plan 30
. "$(dirname "$0")/lib.sh" dvc==3.67.1 ruamel.yaml==0.19.1 PyYAML==6.0.4
export DVC_NO_ANALYTICS=1
mkdir repo && cd repo
dvc init --quiet --no-scm
printf '%s\n' 'stages:' '  train:' '    cmd: echo trained' '    params: [plan]' >dvc.yaml
cat >recorded.py <<'PY'
import sys, yaml
case, status = sys.argv[1:]
plan = yaml.safe_load(open("dvc.lock"))["stages"]["train"]["params"]["params.yaml"]["plan"] if status == "0" else None
print(f"{case}: status {status},", "not read" if plan is None else f"plan {plan}")
PY
tried() {
    rm -f dvc.lock
    printf "$2" >params.yaml
    status=0
    dvc repro --quiet >out.txt 2>&1 || status=$?
    python recorded.py "$1" "$status" >>../seen
}
both() {
    tried "$1: blank forgotten" 'plan: {lr:0.1, epochs:30}\n'
    tried "$1: tab" 'plan:\t30\n'
}
both "ruamel.yaml.clib absent"
python -m pip install --quiet --disable-pip-version-check ruamel.yaml.clib==0.2.15 2>>../pip.txt
both "ruamel.yaml.clib there"
cat ../seen
cat >../expected <<'TXT'
ruamel.yaml.clib absent: blank forgotten: status 0, plan {'lr:0.1': None, 'epochs:30': None}
ruamel.yaml.clib absent: tab: status 255, not read
ruamel.yaml.clib there: blank forgotten: status 255, not read
ruamel.yaml.clib there: tab: status 0, plan 30
TXT
diff ../expected ../seen
