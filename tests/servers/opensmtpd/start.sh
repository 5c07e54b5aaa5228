#!/usr/bin/env bash
# start.sh LAB ROOT: OpenSMTPD 6.8, unpacked, without TLS and logins.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
lab=$1
unpacked=$2/opensmtpd
folder=$lab/opensmtpd

# Nobody may write here but root.
mkdir -p "$folder/run" "$folder/spool/smtpd" "$folder/lib/opensmtpd/empty"
chmod 711 "$folder/spool/smtpd"
install -d -o nobody -g nogroup "$folder/mail"
sed 's|$|@example.test|' "$lab/recipients" >"$folder/recipients"
sed "s|@LAB@|$lab|g" "$here/smtpd.conf" >"$folder/smtpd.conf"

# The places of its queue, its socket, its empty folder and its helpers are compiled in, and it asks the DNS, for its own name
# and for each client's, before /etc/hosts. So it gets these folders, a name and a resolv.conf of its own, which are gone when
# it ends.
echo 'lookup file' >"$folder/resolv.conf"
cd "$folder"
# shellcheck disable=SC2016 # the inner shell's arguments
setsid unshare --uts --mount sh -euc '
    hostname localhost
    mount --bind "$1/spool" /var/spool
    mount --bind "$1/lib" /var/lib
    mount --bind "$1/run" /run
    mount --bind "$2/usr/libexec" /usr/libexec
    [ ! -e /etc/resolv.conf ] || mount --bind "$1/resolv.conf" /etc/resolv.conf
    exec "$2/usr/sbin/smtpd" -f "$1/smtpd.conf" -d -v
' sh "$folder" "$unpacked" &
# setsid, unshare and sh each become the next: it is the number of OpenSMTPD.
echo $! >"$folder/server.pid"
