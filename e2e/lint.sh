#!/bin/sh
# Runs Biome from its platform package (the wrapper package lists platforms that not every registry holds).
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
sh "$root/e2e/with-node.sh" -e 0
for biome in "$root"/node_modules/@biomejs/cli-*/biome; do
  [ -x "$biome" ] && cd "$root" && exec "$biome" "$@"
done
echo 'hmn: Biome has no package for this platform here: run lint on Linux' >&2
exit 1
