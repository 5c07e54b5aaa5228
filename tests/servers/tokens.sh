#!/usr/bin/env bash
# tokens.sh LAB
#
# Tokens for XOAUTH2 and OAUTHBEARER on Dovecot, which checks them by itself: JSON web tokens (RFC 7519) for alice, signed
# by HMAC-SHA-256 with LAB/token.secret. LAB/token.valid is good for a day, LAB/token.expired is not.
set -euo pipefail

cd "$1"
openssl rand -hex 32 | tr -d '\n' >token.secret

base64url() {
    base64 -w0 | tr '+/' '-_' | tr -d '='
}

# token FILE SECONDS-OF-LIFE
token() {
    local now signed
    now=$(date +%s)
    # Dovecot takes "kid" for the name of the key: see dovecot/start.sh.
    signed=$(printf '{"alg":"HS256","typ":"JWT","kid":"test"}' | base64url).$(
        printf '{"sub":"alice","iat":%d,"nbf":%d,"exp":%d}' $((now - 7200)) $((now - 7200)) $((now + $2)) | base64url
    )
    printf '%s.%s' "$signed" \
        "$(printf %s "$signed" | openssl dgst -sha256 -hmac "$(cat token.secret)" -binary | base64url)" >"$1"
}

token token.valid 86400
token token.expired -3600
