#!/bin/sh
# Starts tritonserver with the arguments given. Workers that were killed leave their shared memory behind, and the
# /dev/shm of a pod outlives a container: what is there when Triton starts belongs to nobody. Only who has the key made
# here, as the probe has, may load models, read statistics or map shared memory.
set -eu
SHARED_MEMORY="${SHARED_MEMORY:-/dev/shm}"
KEY_FILE="${KEY_FILE:-/tmp/control.key}"
PREFIX=crossrank_worker_
rm -f "$SHARED_MEMORY/$PREFIX"* "$KEY_FILE"
KEY="$(od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n')"
(umask 077 && printf %s "$KEY" > "$KEY_FILE")
exec tritonserver --backend-config="python,shm-region-prefix-name=$PREFIX" \
  --grpc-restricted-protocol="model-repository,statistics,shared-memory,trace,logging:crossrank-key=$KEY" "$@"
