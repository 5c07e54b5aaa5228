#!/usr/bin/env bash
# down.sh LAB
#
# Stops what up.sh started for LAB, each server by its own process number. What they wrote stays in LAB, to be looked at.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: down.sh LAB" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
source "$here/ports.sh"
[ -d "$1" ] || exit 0
lab=$(cd "$1" && pwd)

declare -A process=(
    [postfix]=$lab/postfix/spool/pid/master.pid
    [dovecot]=$lab/dovecot/run/master.pid
    [exim]=$lab/exim/exim.pid
    [sendmail]=$lab/sendmail/server.pid
    [opensmtpd]=$lab/opensmtpd/server.pid
    [smtp-server]=$lab/smtp-server/server.pid
)

left=0
for server in "${!process[@]}"; do
    [ -e "${process[$server]}" ] || continue
    if ! stop "$lab/$server" "${process[$server]}"; then
        echo "down.sh: $server does not end" >&2
        left=1
        continue
    fi
    while read -r port _; do
        closed "$port" || { echo "down.sh: $server has ended, but somebody still listens on its port $port" >&2; left=1; }
    done < <(ports_of "$server")
done
exit $left
