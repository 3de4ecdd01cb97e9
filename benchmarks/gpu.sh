#!/usr/bin/env bash
# What waits for an NVIDIA GPU to be measured: the benchmark of a draw's step, then the tests.
#
#     benchmarks/gpu.sh [FOLDER]
#
# Run from the repository's root with a Python that has torch, numpy, safetensors, pydantic, pillow, pytest and
# pytest-timeout. Rows are appended to records/draw.jsonl, and each time a copy of it is left in the folder.
set -uo pipefail
export PYTHONPATH=src${PYTHONPATH:+:$PYTHONPATH}
python=${PYTHON:-python3}
failed=0
for case in resnet18-256 wideresnet32-128; do
    for way in "" "--precision bfloat16" "--precision bfloat16 --memory-format contiguous" \
        "--precision bfloat16 --compile default" "--precision bfloat16 --compile reduce-overhead"; do
        # shellcheck disable=SC2086
        "$python" -m benchmarks draw "$case" --steps 12 --device cuda $way || failed=1
        [ $# -eq 0 ] || cp records/draw.jsonl "$1"/
    done
done
"$python" -m pytest -q -m gpu -p no:cacheprovider tests/test_gpu.py || failed=1
exit $failed
