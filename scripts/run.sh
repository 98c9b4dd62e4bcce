#!/bin/sh
# Runs a program of this folder as a job of the workflow: sh scripts/run.sh score.py ARGUMENTS
# The program imports omniedit from the checkout that planned the run, because its environment may lack it (envs/). It
# loads models only from the cache that `fetch_models` filled.
# OMNIEDIT_JOB turns garbage collection off during the imports (omniedit/run/program.py).
# OpenCV uses the job's threads, not all cores. glibc keeps freed blocks of up to 32 MiB, as images are: it would return
# them to the kernel, which clears their pages again, a tenth of the processor time of jobs that work on images.
set -eu
scripts=$(dirname "$0")
PYTHONPATH=${OMNIEDIT_CHECKOUT:-$scripts/..}${PYTHONPATH:+:$PYTHONPATH}
HF_HUB_OFFLINE=${HF_HUB_OFFLINE:-1} HF_HUB_DISABLE_TELEMETRY=1 OMNIEDIT_JOB=1
export PYTHONPATH HF_HUB_OFFLINE HF_HUB_DISABLE_TELEMETRY OMNIEDIT_JOB
OPENCV_FOR_THREADS_NUM=${OPENCV_FOR_THREADS_NUM:-${OMP_NUM_THREADS:-1}}
MALLOC_MMAP_THRESHOLD_=${MALLOC_MMAP_THRESHOLD_:-33554432} MALLOC_TRIM_THRESHOLD_=${MALLOC_TRIM_THRESHOLD_:-268435456}
export OPENCV_FOR_THREADS_NUM MALLOC_MMAP_THRESHOLD_ MALLOC_TRIM_THRESHOLD_
program=$1
shift
case $program in
    *.sh) exec sh "$scripts/$program" "$@" ;;
    *) exec python "$scripts/$program" "$@" ;;
esac
