#!/usr/bin/env bash
# start.sh LAB ROOT: Exim 4.96, unpacked, with logins of its own and by Dovecot.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
lab=$1
program=$2/exim/usr/sbin/exim4
folder=$lab/exim

install -d -o Debian-exim -g Debian-exim "$folder/spool" "$folder/mail"
# It makes its log files as this user.
chown Debian-exim: "$folder"
sed "s|@LAB@|$lab|g; s|@PROGRAM@|$program|g" "$here/exim.conf" >"$folder/exim.conf"
exec "$program" -C "$folder/exim.conf" -bd -q10s
