#!/usr/bin/env bash
# up.sh LAB ROOT
#
# Starts the servers of ports.tsv on 127.0.0.1, all but trixie's, and returns when each accepts connections. Everything
# they write is in LAB, which is empty or of an earlier run, and then emptied. ROOT is where install.sh unpacked.
set -euo pipefail
umask 022

[ $# -eq 2 ] || { echo "usage: up.sh LAB ROOT" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
source "$here/ports.sh"
mkdir -p "$1"
lab=$(cd "$1" && pwd)
root=$(cd "$2" && pwd)
servers=(dovecot postfix exim sendmail opensmtpd smtp-server)

fail() {
    echo "up.sh: $1" >&2
    exit 1
}

# What a server that failed has said; then the others are stopped.
fail_with_log() {
    local server=$1 message=$2
    echo "up.sh: $server: $message" >&2
    tail -n 15 "$lab/$server"/*.log >&2 || true
    # One that is still starting has no process number yet to be stopped by.
    wait || true
    "$here/down.sh" "$lab" >&2 || true
    exit 1
}

[ "$(id -u)" -eq 0 ] || fail 'must be root: the servers change to users of their own'
[[ $lab =~ ^[A-Za-z0-9/._-]{1,60}$ ]] || fail "$lab: at most 60 plain characters, since it goes into configuration files and socket names"
runuser -u nobody -- test -x "$lab" || fail "$lab: the servers' users must be able to enter it, so not below a private home"
# OpenSMTPD runs with folders of its own there, and would not find its files.
for folder in "$lab" "$root"; do
    [[ ! $folder/ =~ ^(/run|/var/run|/var/lib|/var/spool|/usr/libexec)/ ]] || fail "$folder: not below ${BASH_REMATCH[1]}"
done
for program in exim/usr/sbin/exim4 sendmail/usr/libexec/sendmail/sendmail opensmtpd/usr/sbin/smtpd; do
    [ -x "$root/$program" ] || fail "$root: no $program unpacked there; run install.sh first"
done
while read -r port server _; do
    ! accepts "$port" || fail "port $port, meant for $server, is taken; if an earlier run left it, down.sh stops it"
done < <(ports_of "${servers[@]}")

[ -e "$lab/.sansmtp" ] || [ -z "$(ls -A "$lab")" ] || fail "$lab: neither empty nor of an earlier run"
touch "$lab/.sansmtp"
for server in "${servers[@]}"; do
    rm -rf "${lab:?}/$server"
    mkdir "$lab/$server"
done
rm -f "$lab/sasldb2"
"$here/certificates.sh" "$lab"
"$here/tokens.sh" "$lab"
"$here/accounts.sh" "$lab"
# Who has a mailbox, at example.test: start.sh of each server says so in the server's own form.
printf '%s\n' alice bob r{0..99} >"$lab/recipients"

# Dovecot comes first: it logs people in for Postfix, which gives a service up for a minute that finds no one to ask.
"$here/dovecot/start.sh" "$lab" "$root" </dev/null >"$lab/dovecot/start.log" 2>&1 || fail_with_log dovecot 'does not start'
declare -A starting
for server in "${servers[@]:1}"; do
    # Files, not a pipe: the servers keep what they are started with, and the caller would wait for the pipe's end.
    "$here/$server/start.sh" "$lab" "$root" </dev/null >"$lab/$server/start.log" 2>&1 &
    starting[$server]=$!
done
for server in "${!starting[@]}"; do
    wait "${starting[$server]}" || fail_with_log "$server" 'does not start'
done
while read -r port server _; do
    await "$port" || fail_with_log "$server" "nobody accepts on port $port"
done < <(ports_of "${servers[@]}")
