#!/usr/bin/env bash
# start.sh LAB ROOT: the npm package smtp-server, as the tests of the npm package have it installed.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
lab=$1
folder=$lab/smtp-server

for modules in "$here"/../../../{wasm,node-demo}/node_modules; do
    [ -d "$modules/smtp-server" ] || continue
    cd "$folder"
    setsid node "$here/server.mjs" "$lab" "$(cd "$modules" && pwd)" &
    echo $! >"$folder/server.pid"
    exit
done
echo 'smtp-server is not installed: run "npm ci" in wasm/'
exit 1
