#!/usr/bin/env bash
# start.sh LAB ROOT: Postfix 3.7, with logins by Dovecot and by Cyrus SASL, and as the relay of Dovecot and Sendmail.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
lab=$1
folder=$lab/postfix

mkdir -p "$folder/etc/sasl" "$folder/spool"
install -d -o postfix "$folder/data"
install -d -o nobody -g nogroup "$folder/mail"
# smtpd reads it, as the user postfix.
install -o postfix -m 600 "$lab/sasldb2" "$folder/sasldb2"

for file in main.cf master.cf sasl/smtpd.conf; do
    sed "s|@LAB@|$lab|g" "$here/$file" >"$folder/etc/$file"
done
{
    # A mailbox for each, and one for all other names.
    sed 's|.*|&@example.test &/|' "$lab/recipients"
    echo '@example.test everyone-else/'
} >"$folder/etc/mailboxes"
# With a path that is not absolute it would fail without a word.
exec postfix -c "$folder/etc" start
