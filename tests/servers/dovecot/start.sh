#!/usr/bin/env bash
# start.sh LAB ROOT: Dovecot 2.3, as SASL service for Postfix and Exim, as submission server and for LMTP.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
lab=$1
folder=$lab/dovecot

# The key that tokens are checked with has a fixed place: <"azp" of the token, or "default">/<algorithm>/<"kid">.
mkdir -p "$folder/keys/default/HS256"
base64 -w0 <"$lab/token.secret" >"$folder/keys/default/HS256/test"
install -d -o nobody -g nogroup "$folder/home" "$folder/mail"
# Who may log in and who has a mailbox. Without all three colons a line counts for nothing.
{
    cut -d: -f1 "$folder/users"
    sed 's|$|@example.test|' "$lab/recipients"
} | sed 's|$|:::|' >"$folder/known"

sed "s|@LAB@|$lab|g" "$here/dovecot.conf" >"$folder/dovecot.conf"
sed "s|@LAB@|$lab|g" "$here/oauth2.conf" >"$folder/oauth2.conf"
exec dovecot -c "$folder/dovecot.conf"
