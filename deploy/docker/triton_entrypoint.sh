#!/bin/sh
# Starts tritonserver with the arguments given. Workers that were killed leave their shared memory behind, and the
# /dev/shm of a pod outlives a container: what is there when Triton starts belongs to nobody.
set -eu
SHARED_MEMORY="${SHARED_MEMORY:-/dev/shm}"
PREFIX=crossrank_worker_
rm -f "$SHARED_MEMORY/$PREFIX"*
exec tritonserver --backend-config="python,shm-region-prefix-name=$PREFIX" "$@"
