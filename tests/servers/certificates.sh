#!/usr/bin/env bash
# certificates.sh LAB
#
# A throw-away authority (ca.pem), a certificate of the servers (server.pem) and one of a client, whose name is alice
# (client.pem), each with its key. Old ones are replaced, so none expires between two runs.
set -euo pipefail

cd "$1"

# leaf NAME SUBJECT PURPOSE ALTERNATIVE-NAMES
leaf() {
    openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
    openssl req -new -key "$1.key" -subj "$2" |
        openssl x509 -req -CA ca.pem -CAkey ca.key -sha256 -days 30 -out "$1.pem" -extfile <(
            echo basicConstraints=critical,CA:FALSE
            echo keyUsage=critical,digitalSignature
            echo "extendedKeyUsage=$3"
            echo "subjectAltName=$4"
        ) 2>/dev/null
}

openssl ecparam -name prime256v1 -genkey -noout -out ca.key
openssl req -x509 -new -key ca.key -sha256 -days 30 -subj '/CN=sansmtp test authority' -out ca.pem \
    -addext keyUsage=critical,keyCertSign,cRLSign
leaf server /CN=localhost serverAuth 'DNS:localhost,IP:127.0.0.1,IP:::1'
leaf client /CN=alice clientAuth email:alice@example.test
# Worth nothing outside this folder, and read by servers that have given up root, each as a user of its own.
chmod 644 ./*.key
