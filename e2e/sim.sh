#!/bin/sh
# The simulators: `operator` runs clusters under the operator, everything else networks of nodes.
# Usage: sh e2e/sim.sh [operator | model] [FLAG...]
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
case "${1-}" in
  operator) shift; exec sh "$here/with-node.sh" operator/sim/main.ts "$@" ;;
  *) exec sh "$here/with-node.sh" node/sim/main.ts "$@" ;;
esac
