#!/usr/bin/env bash
# start.sh LAB ROOT: Sendmail 8.17, unpacked, with logins by Cyrus SASL.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
lab=$1
unpacked=$2/sendmail
folder=$lab/sendmail

mkdir -m 700 "$folder/queue"
# It refuses keys and password files that others may read.
install -m 600 "$lab/server.key" "$folder/server.key"
install -m 600 "$lab/sasldb2" "$folder/sasldb2"
: >"$folder/aliases"
: >"$folder/local-host-names"
printf '%s files\n' hosts aliases passwd >"$folder/service.switch"
sed "s|@LAB@|$lab|g; s|@UNPACKED@|$unpacked|g" "$here/sendmail.mc" >"$folder/sendmail.mc"
m4 "$folder/sendmail.mc" >"$folder/sendmail.cf"

# It sleeps for a minute when this machine's name has no dot or is not to be found, and it looks for passwords in
# /etc/sasldb2 whatever it is told. So it gets a name and an /etc of its own, which are gone when it ends.
# Both families: it asks the DNS for an address that is not there.
printf '%s lab.localdomain localhost\n' 127.0.0.1 ::1 >"$folder/hosts"
# shellcheck disable=SC2016 # the inner shell's arguments
setsid unshare --uts --mount sh -euc '
    hostname lab.localdomain
    mount --bind "$1/hosts" /etc/hosts
    mount --bind "$1/sasldb2" /etc/sasldb2
    exec "$2" -C "$1/sendmail.cf" -bD -q1m
' sh "$folder" "$unpacked/usr/libexec/sendmail/sendmail" &
# setsid, unshare and sh each become the next: it is the number of Sendmail.
echo $! >"$folder/server.pid"
