#!/bin/sh
# Run every measurement that waits for a GPU (benchmarks/RESULTS.md, "Not measured yet"), one after another.
#
#   sh benchmarks/first_gpu.sh --list                 # the steps
#   sh benchmarks/first_gpu.sh --minutes 60           # on a GPU with 80 GB; results in benchmarks/first_gpu/
#
# Each step writes to OUT/NAME.txt. A step that has finished is skipped the next time, so the same command resumes. No
# step starts after the minutes, and a running one is stopped at their end. Weights are random; the last step trains some.
set -u

out=benchmarks/first_gpu minutes=120 list=no
while [ $# -gt 0 ]; do
    case $1 in
        --minutes) minutes=${2:?--minutes needs a number}; shift 2 ;;
        --out) out=${2:?--out needs a folder}; shift 2 ;;
        --list) list=yes; shift ;;
        -h|--help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) echo "error: $1: give --list, --minutes N or --out FOLDER" >&2; exit 2 ;;
    esac
done
case $minutes in ''|*[!0-9]*) echo "error: --minutes: '$minutes' is not a whole number" >&2; exit 2 ;; esac
python=${PYTHON:-python}

# NAME|COMMAND, the short and most useful first
steps() {
    cat <<'STEPS'
training_editnet|benchmarks/training_speed.py --full --models editnet
training_editnet_selective|benchmarks/training_speed.py --full --models editnet --checkpointing selective --largest-batch
training_editnet_compiled|benchmarks/training_speed.py --full --models editnet --checkpointing all --compile
training_all|benchmarks/training_speed.py --full
sampling|benchmarks/sampling_speed.py --full
judge|benchmarks/judge_speed.py --full
specialist_style|-m benchmarks.specialist_speed --full --tasks style_transfer --ratios 1x1 --out OUT/specialists.json
specialist_attribute|-m benchmarks.specialist_speed --full --tasks attribute_modification --ratios 1x1 --out OUT/specialists.json
specialist_removal|-m benchmarks.specialist_speed --full --tasks object_removal --ratios 1x1 --out OUT/specialists.json
specialist_removal_flux|-m benchmarks.specialist_speed --full --tasks object_removal --ratios 1x1 --painter FluxFillPipeline --out OUT/specialists.json
specialists|-m benchmarks.specialist_speed --full --out OUT/specialists.json
architectures|-m snakemake --snakefile benchmarks/ablation/Snakefile --cores 1 --config setting=gpu
STEPS
}

if [ $list = yes ]; then
    steps | sed "s|OUT/|$out/|" | while IFS='|' read -r name command; do
        echo "$name: $python $command"
    done
    exit 0
fi

mkdir -p "$out" || exit 1
end=$(($(date +%s) + 60 * minutes))
failed=0
steps > "$out/steps"
while IFS='|' read -r name command; do
    [ -e "$out/$name.done" ] && continue
    left=$((end - $(date +%s)))
    if [ $left -le 0 ]; then
        echo "no time left; the same command resumes at $name"
        exit 3
    fi
    command=$(echo "$command" | sed "s|OUT/|$out/|")
    echo "$name: $python $command"
    # shellcheck disable=SC2086 (the words of a command)
    timeout "$left" "$python" $command > "$out/$name.txt" 2>&1 < /dev/null
    status=$?
    case $status in
        0) touch "$out/$name.done" ;;
        124) echo "  stopped at the end of the time; the same command runs it again" ;;
        *) failed=1; echo "  failed ($status): $out/$name.txt" ;;
    esac
done < "$out/steps"
exit $failed
