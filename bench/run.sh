#!/usr/bin/env bash
# Builds what the benches need, then measures: bash bench/run.sh [--rows P1,P2] [--trials 5] [--quick]
set -euo pipefail
cd "$(dirname "$0")/.."
node scripts/setup.mjs
exec node bench/run.mjs "$@"
