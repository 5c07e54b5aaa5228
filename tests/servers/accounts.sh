#!/usr/bin/env bash
# accounts.sh LAB
#
# accounts.tsv in the form that each server reads. Only Dovecot has those whose password is kept for one mechanism.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
lab=$1

while IFS=$'\t' read -r user password scheme; do
    [[ $user != \#* ]] || continue
    if [ "$scheme" = PLAIN ]; then
        secret="{PLAIN}$password"
        printf '"%s": %s\n' "$user" "$password" >>"$lab/exim/passwords"
        printf '%s\n' "$password" | saslpasswd2 -p -c -f "$lab/sasldb2" -u localhost "$user"
    else
        secret=$(doveadm -c /dev/null pw -s "$scheme" -p "$password")
    fi
    # DIGEST-MD5 asks for the user together with the realm.
    printf '%s\n' "$user:$secret" "$user@localhost:$secret" >>"$lab/dovecot/users"
done <"$here/accounts.tsv"
