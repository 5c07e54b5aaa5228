#!/usr/bin/env bash
# trixie.sh ROOT LAB [up|down]
#
# Dovecot 2.4 of Debian 13, the one server here with SCRAM-*-PLUS. Builds a Debian 13 in ROOT/trixie, unless it is there;
# with "up", starts its Dovecot too, for a LAB where up.sh has run; with "down", stops that. It writes to LAB/trixie only.
set -euo pipefail
umask 022

case "$#${3-}" in
2 | 3up | 3down) ;;
*)
    echo "usage: trixie.sh ROOT LAB [up|down]" >&2
    exit 2
    ;;
esac
here=$(cd "$(dirname "$0")" && pwd)
source "$here/ports.sh"
job=${3-build}
mkdir -p "$1" "$2"
root=$(cd "$1" && pwd)/trixie
lab=$(cd "$2" && pwd)
folder=$lab/trixie

fail() {
    echo "trixie.sh: $1" >&2
    exit 1
}

build() {
    [ ! -d "$root" ] || return 0
    if ! command -v mmdebstrap >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends --no-remove mmdebstrap >/dev/null
    fi
    # Under another name until it is whole, so that what an interrupted run leaves is not taken for one.
    rm -rf "$root.unfinished"
    mmdebstrap --quiet --variant=minbase --mode=root --include=dovecot-core,dovecot-submissiond trixie "$root.unfinished"
    mkdir "$root.unfinished/lab"
    mv "$root.unfinished" "$root"
}

up() {
    local port
    [ -e "$lab/server.pem" ] && [ -e "$lab/dovecot/users" ] || fail "$lab: up.sh has not run there"
    while read -r port _; do
        ! accepts "$port" || fail "port $port is taken; if an earlier run left it, \"down\" stops it"
    done < <(ports_of trixie)
    rm -rf "$folder"
    mkdir "$folder"
    cp "$here/trixie/dovecot.conf" "$lab/server.pem" "$lab/server.key" "$lab/dovecot/users" "$folder"
    # 65534: nobody and nogroup.
    install -d -o 65534 -g 65534 "$folder/mail"
    # The mount is for these processes alone and ends with them.
    # shellcheck disable=SC2016 # the inner shell's arguments
    unshare --mount sh -euc '
        mount --bind "$2" "$1/lab"
        exec chroot "$1" dovecot -c /lab/dovecot.conf
    ' sh "$root" "$folder" </dev/null >"$folder/start.log" 2>&1 || fail_with_log 'does not start'
    while read -r port _; do
        await "$port" || fail_with_log "nobody accepts on port $port"
    done < <(ports_of trixie)
}

fail_with_log() {
    echo "trixie.sh: Dovecot: $1" >&2
    tail -n 15 "$folder"/*.log >&2 || true
    down || true
    exit 1
}

down() {
    stop "/lab/dovecot.conf" "$folder/run/master.pid" || fail 'Dovecot does not end'
    local port
    while read -r port _; do
        closed "$port" || fail "somebody still listens on port $port"
    done < <(ports_of trixie)
}

[ "$(id -u)" -eq 0 ] || fail 'must be root'
[ "$job" = down ] || build
[ "$job" = build ] || "$job"
