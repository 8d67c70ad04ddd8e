#!/usr/bin/env bash
# The gateways that users would take instead, at fixed versions, each in a folder of its own. Needs npm, and Debian's wrk and nginx.
set -euo pipefail
cd "$(dirname "$0")/../.."
for program in wrk nginx npm taskset; do
  command -v "$program" >/dev/null || { echo "$program is missing: apt-get install wrk nginx-light npm util-linux" >&2; exit 1; }
done
mkdir -p var/peers
test -d var/peers/node_modules || npm install --prefix var/peers --no-audit --no-fund --silent @portkey-ai/gateway@1.15.2
test -x var/peers/venv/bin/litellm || {
  "${PYTHON:-python3}" -m venv var/peers/venv
  var/peers/venv/bin/pip install --disable-pip-version-check --quiet 'litellm[proxy]==1.106.2'
  var/peers/venv/bin/pip install --disable-pip-version-check --quiet --no-deps sglang-router==0.3.2
  var/peers/venv/bin/pip install --disable-pip-version-check --quiet setproctitle
}
