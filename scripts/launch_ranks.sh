#!/bin/sh
# Starts a training's ranks by torchrun: on this node alone, or through srun on several, which meet on this one.
#   scripts/launch_ranks.sh NODES RANKS_A_NODE CORES_A_NODE LOG_FOLDER train.py ...     a program of this folder
# Each rank's output goes to a file of its own in LOG_FOLDER, and to this script's. A rank that fails ends them all.
set -eu
nodes=$1 ranks=$2 cores=$3 logs=$4 program=$(dirname "$0")/$5
shift 5
OMP_NUM_THREADS=$((cores > ranks ? cores / ranks : 1))
export OMP_NUM_THREADS
export TORCHELASTIC_LOG_LINE_PREFIX_TEMPLATE='[${rank}] '
set -- --nproc-per-node "$ranks" --redirects 3 --tee 3 --log-dir "$logs" "$program" "$@"
# A rank ends with the torchrun that this shell becomes (omniedit.storage.processes).
if [ "$nodes" -eq 1 ]; then
    export OMNIEDIT_TORCHRUN=$$
    exec torchrun --standalone "$@"
fi
# Below the ports that systems give out; another one for each job, since trainings may share this node.
MASTER_ADDR=$(hostname) MASTER_PORT=$((20000 + ${SLURM_JOB_ID:-0} % 12000))
export MASTER_ADDR MASTER_PORT
# shellcheck disable=SC2016  # each node has its own SLURM_NODEID
exec srun --nodes "$nodes" --ntasks "$nodes" --ntasks-per-node 1 --cpus-per-task "$cores" --kill-on-bad-exit=1 \
    sh -c 'export OMNIEDIT_TORCHRUN=$$; exec torchrun --nnodes "$SLURM_NNODES" --node-rank "$SLURM_NODEID" \
        --master-addr "$MASTER_ADDR" --master-port "$MASTER_PORT" "$@"' torchrun "$@"
