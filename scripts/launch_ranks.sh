#!/bin/sh
# Starts the ranks of a training run with torchrun: on this node, or through srun on several. This node is the master.
#   scripts/launch_ranks.sh NODES RANKS_A_NODE CORES_A_NODE LOG_FOLDER train.py ...     a program of this folder
# Each rank writes its output to its own file in LOG_FOLDER and to this script's output. If one rank fails, all end. A
# single rank needs no torchrun, whose start takes seconds; its output is this script's.
set -eu
nodes=$1 ranks=$2 cores=$3 logs=$4 program=$(dirname "$0")/$5
shift 5
OMP_NUM_THREADS=$((cores > ranks ? cores / ranks : 1))
export OMP_NUM_THREADS
if [ "$nodes" -eq 1 ] && [ "$ranks" -eq 1 ]; then
    unset RANK # set where a cluster starts this script as a rank of its own
    exec python "$program" "$@"
fi
export TORCHELASTIC_LOG_LINE_PREFIX_TEMPLATE='[${rank}] '
set -- --nproc-per-node "$ranks" --redirects 3 --tee 3 --log-dir "$logs" "$program" "$@"
# Ranks end when the torchrun process that replaces this shell ends (omniedit.storage.processes).
if [ "$nodes" -eq 1 ]; then
    export OMNIEDIT_TORCHRUN=$$
    exec torchrun --standalone "$@"
fi
# A port below the ephemeral range, different for each job, because several training runs may share this node.
MASTER_ADDR=$(hostname) MASTER_PORT=$((20000 + ${SLURM_JOB_ID:-0} % 12000))
export MASTER_ADDR MASTER_PORT
# shellcheck disable=SC2016  # each node has its own SLURM_NODEID
exec srun --nodes "$nodes" --ntasks "$nodes" --ntasks-per-node 1 --cpus-per-task "$cores" --kill-on-bad-exit=1 \
    sh -c 'export OMNIEDIT_TORCHRUN=$$; exec torchrun --nnodes "$SLURM_NNODES" --node-rank "$SLURM_NODEID" \
        --master-addr "$MASTER_ADDR" --master-port "$MASTER_PORT" "$@"' torchrun "$@"
