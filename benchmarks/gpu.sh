#!/usr/bin/env bash
# Everything that waits for an NVIDIA GPU to be measured: the tests, then the benchmark; under ten minutes.
# Run from the repository's root with a Python that has torch; rows go to records/draw.jsonl.
set -euo pipefail
export PYTHONPATH=src
python=${PYTHON:-python3}
"$python" -m pytest -q -m gpu -p no:cacheprovider tests/test_gpu.py
for case in resnet18-256 wideresnet32-128; do
    for way in "" "--precision bfloat16" "--precision bfloat16 --compile default" \
        "--precision bfloat16 --compile reduce-overhead"; do
        # shellcheck disable=SC2086
        "$python" -m benchmarks draw "$case" --steps 12 --device cuda $way
    done
done
