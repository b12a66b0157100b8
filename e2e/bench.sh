#!/bin/sh
# The benchmarks: `operator` on an API server with played validators, everything else of the node.
# Usage: sh e2e/bench.sh operator | node | coherence [FLAG...]
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
case "${1-}" in
  operator) shift; exec sh "$here/with-node.sh" e2e/bench/main.ts "$@" ;;
  *) exec sh "$here/with-node.sh" node/bench/main.ts "$@" ;;
esac
