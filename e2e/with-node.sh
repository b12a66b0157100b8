#!/bin/sh
# Runs the given program under the Node that this project brings, whatever Node started npm; installs what is missing.
# Usage: sh e2e/with-node.sh FILE [ARGUMENT...]
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
stamp=$root/node_modules/.hmn-lock
say() { printf 'hmn: %s\n' "$*" >&2; }

if ! cmp -s "$root/package-lock.json" "$stamp"; then
  command -v npm >/dev/null || { say 'npm is not on the PATH: install Node.js with npm (any version), then run this again'; exit 1; }
  say 'installing packages (about a minute the first time)'
  # An npm started by npm hands its own settings down as variables; those of an older npm only make noise here.
  (cd "$root" && npm ci --no-audit --no-fund --no-progress --loglevel=error) >&2 ||
    { say 'npm ci failed (see above): check that the npm registry can be reached, then run this again'; exit 1; }
  cp "$root/package-lock.json" "$stamp"
fi

node=
for candidate in "$root"/node_modules/node-linux-*/bin/node; do
  [ -x "$candidate" ] && node=$candidate
done
if [ -z "$node" ]; then
  # No packaged Node for this platform: the machine's own has to be new enough.
  node=$(command -v node) || { say 'no Node.js for this platform in the packages, and none on the PATH: install Node.js 24 or newer'; exit 1; }
  "$node" -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 24 ? 0 : 1)' ||
    { say "Node.js 24 or newer is needed, $("$node" --version) was found: install a newer one"; exit 1; }
elif ! "$node" --version >/dev/null 2>&1; then
  # The packaged Node links libatomic and libstdc++, which a slim Debian may lack.
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say 'installing libatomic1 and libstdc++6, which Node needs'
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends libatomic1 libstdc++6; } >/dev/null
  else
    say 'Node needs libatomic and libstdc++: install the packages libatomic1 and libstdc++6, then run this again'; exit 1
  fi
fi
PATH=$(dirname -- "$node"):$PATH
export PATH
cd "$root"
exec "$node" --disable-warning=ExperimentalWarning "$@"
