#!/bin/bash
# Everything that is to be proved on a GPU, on one bare machine with torch and CUDA and no network, in 12 minutes:
#     bash tests/benchmarks/on_gpu.sh FOLDER [--dry]
# Each step has a limit of its own, and leaves its figures in FOLDER/STEP.json and what it printed in STEP.log.
# --dry: tiny models on the CPU, to see that every step starts. WHEELS names a folder of wheels to install first;
# PYTHON the interpreter. The exit status is the number of steps that failed.
set -u
out=${1:?usage: on_gpu.sh FOLDER [--dry]}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
python=${PYTHON:-python3}
device=cuda size="--shape full"
if [ "${2:-}" = --dry ]; then
  device=cpu
  size="--shape tiny --tokens 48 --steps 2 --papers 6 --one-by-one 2 --lists 3 --score-batches 1 4"
fi
mkdir -p "$out" "$out/src"
out=$(cd "$out" && pwd)
ln -sfn "$root/bench" "$out/src/readbench"
ln -sfn "$root/adapters" "$out/src/readbench_adapters"
export PYTHONPATH=$out/src${PYTHONPATH:+:$PYTHONPATH}
export HF_HUB_OFFLINE=1
failed=0

step() { # NAME SECONDS COMMAND...
  local name=$1 limit=$2 began=$SECONDS
  shift 2
  timeout --kill-after=5 "$limit" "$@" >"$out/$name.log" 2>&1
  local status=$?
  [ $status -eq 0 ] || failed=$((failed + 1))
  echo "$name: exit status $status after $((SECONDS - began)) s of $limit" | tee -a "$out/steps.txt"
}

: >"$out/steps.txt"
if [ -n "${WHEELS:-}" ]; then
  step wheels 60 "$python" -m pip install --no-index --find-links "$WHEELS" --no-deps "$WHEELS"/*.whl
fi
step machine 30 "$python" -c "import platform, torch
print(platform.platform(), torch.__version__, torch.version.cuda)
print(torch.cuda.get_device_name() if torch.cuda.is_available() else 'no GPU')
assert '$device' == 'cpu' or torch.cuda.is_available()"
step precision 60 "$python" "$here/gpu_steps.py" precision --device $device --out "$out/precision.json"
# shellcheck disable=SC2086
step full 390 "$python" "$here/chatglm2_full_size.py" $size --device $device --out "$out/full.json"
step quantised 60 "$python" "$here/gpu_steps.py" quantised --device $device --out "$out/quantised.json"
step cells 120 "$python" "$here/gpu_steps.py" cells --device $device --out "$out/cells.json"
exit $failed
