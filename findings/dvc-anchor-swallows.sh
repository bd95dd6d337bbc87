#!/usr/bin/env bash
# DVC 3.67.1, git.
#
# Expected: `dvc exp run --set-param base.lr=0.5` sets that value, or fails.
# Happens: where another section is an alias of that mapping (`skeleton: *base`), the new value is lost: the
# experiment runs with 0.1, and the exit status is 0. Set through the alias, `skeleton.lr=0.5`, it takes effect,
# and changes `base` too, which was not named. Written out twice, without the anchor, both commands do as told.
# "ran with" shows base's and skeleton's lr as the experiment's own stage read them.
# Seen:
#   alias, base.lr=0.5: status 0, ran with 0.1 0.1
#   alias, skeleton.lr=0.5: status 0, ran with 0.5 0.5
#   copies, base.lr=0.5: status 0, ran with 0.5 0.1
#   copies, skeleton.lr=0.5: status 0, ran with 0.1 0.5
. "$(dirname "$0")/lib.sh" dvc==3.67.1 PyYAML==6.0.4
export DVC_NO_ANALYTICS=1 GIT_CONFIG_GLOBAL="$work/gitconfig"
git config --file "$work/gitconfig" user.name nobody
git config --file "$work/gitconfig" user.email nobody@example.org
mkdir repo && cd repo
git init --quiet && dvc init --quiet
cat >show.py <<'PY'
import yaml
params = yaml.safe_load(open("params.yaml"))
print(params["base"]["lr"], params["skeleton"]["lr"], file=open("seen.txt", "w"))
PY
printf 'stages:\n  show: {cmd: python show.py, params: [base, skeleton], outs: [seen.txt]}\n' >dvc.yaml
try() {
    git add -A && git commit --quiet --allow-empty -m params
    dvc exp run --quiet --force --set-param "$2" >log.txt 2>&1
    echo "$1, $2: status $?, ran with $(cat seen.txt)" | tee -a ../seen
    git checkout --quiet -- .
}
printf 'base: &base\n  lr: 0.1\nskeleton: *base\n' >params.yaml
try alias base.lr=0.5
try alias skeleton.lr=0.5
printf 'base:\n  lr: 0.1\nskeleton:\n  lr: 0.1\n' >params.yaml
try copies base.lr=0.5
try copies skeleton.lr=0.5
cat >../expected <<'TXT'
alias, base.lr=0.5: status 0, ran with 0.1 0.1
alias, skeleton.lr=0.5: status 0, ran with 0.5 0.5
copies, base.lr=0.5: status 0, ran with 0.5 0.1
copies, skeleton.lr=0.5: status 0, ran with 0.1 0.5
TXT
diff ../expected ../seen
