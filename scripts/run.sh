#!/bin/sh
# Runs a program of this folder as a job of the workflow: sh scripts/run.sh score.py ARGUMENTS
# The program imports omniedit from the checkout that planned the run, because its environment may lack it (envs/). It
# loads models only from the cache that `fetch_models` filled.
set -eu
scripts=$(dirname "$0")
PYTHONPATH=${OMNIEDIT_CHECKOUT:-$scripts/..}${PYTHONPATH:+:$PYTHONPATH}
HF_HUB_OFFLINE=${HF_HUB_OFFLINE:-1} HF_HUB_DISABLE_TELEMETRY=1
export PYTHONPATH HF_HUB_OFFLINE HF_HUB_DISABLE_TELEMETRY
program=$1
shift
case $program in
    *.sh) exec sh "$scripts/$program" "$@" ;;
    *) exec python "$scripts/$program" "$@" ;;
esac
