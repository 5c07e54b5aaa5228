#!/usr/bin/env bash
# install.sh ROOT
#
# What up.sh starts, on Debian 12, as root. Postfix, Dovecot and the SASL modules are installed. Exim, Sendmail and OpenSMTPD
# would each push Postfix out (all four are "mail-transport-agent"), so they are only unpacked, each into ROOT/<its name>.
# Nothing is done when all is there already.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: install.sh ROOT" >&2; exit 2; }
[ "$(id -u)" -eq 0 ] || { echo "install.sh: must be root, to install packages" >&2; exit 1; }
mkdir -p "$1"
root=$(cd "$1" && pwd)

installed=(
    postfix dovecot-core dovecot-submissiond dovecot-lmtpd
    # saslpasswd2; the mechanisms, NTLM and SCRAM-* among them; what reads the passwords
    sasl2-bin libsasl2-modules libsasl2-modules-db
    # sendmail.mc to sendmail.cf; certificates
    m4 openssl
    # libraries of the unpacked programs
    libevent-2.1-7 libgnutls-dane0 libgnutls30 libidn12 libldap-2.5-0 liblockfile1 libmariadb3
    libnsl2 libperl5.36 libpq5 libspf2-2 libwrap0
)
exim_packages=(exim4-base exim4-daemon-heavy) # the light one has neither NTLM nor Dovecot's authenticator
sendmail_packages=(sendmail-base sendmail-bin sendmail-cf)
opensmtpd_packages=(opensmtpd)
programs=(
    "$root/exim/usr/sbin/exim4" "$root/sendmail/usr/libexec/sendmail/sendmail" "$root/opensmtpd/usr/sbin/smtpd"
)
unpacked=("${programs[@]}" "$root/sendmail/usr/share/sendmail/cf/m4/cf.m4")

missing_packages() {
    local package
    for package in "${installed[@]}"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
    done
}

missing_files() {
    local file
    for file in "${unpacked[@]}"; do
        [ -e "$file" ] || echo "$file"
    done
}

# While packages are installed, their scripts are told to start no daemon. A rule of the machine's own stays as it is.
policy=/usr/sbin/policy-rc.d
forbid_daemons() {
    if [ -e "$policy" ]; then
        local answer=0
        "$policy" postfix start >/dev/null 2>&1 || answer=$?
        [ "$answer" -eq 101 ] || {
            echo "install.sh: $policy lets packages start daemons; it should exit with 101" >&2
            exit 1
        }
    else
        trap 'rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
}

# Downloads packages and unpacks them into a folder, without their scripts.
unpack() {
    local folder=$1 downloads package
    shift
    downloads=$(mktemp -d)
    # _apt, the user that apt downloads as, may not write here.
    (cd "$downloads" && apt-get download -qq -o APT::Sandbox::User=root "$@")
    mkdir -p "$folder"
    for package in "$downloads"/*.deb; do
        dpkg -x "$package" "$folder"
    done
    rm -r "$downloads"
}

mapfile -t packages < <(missing_packages)
if [ ${#packages[@]} -gt 0 ] || [ -n "$(missing_files)" ]; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    if [ ${#packages[@]} -gt 0 ]; then
        forbid_daemons
        # No /etc/postfix/main.cf: up.sh brings a configuration of its own.
        echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
        # --no-remove: a machine that has another mail server keeps it, and we stop here.
        apt-get install -y -qq --no-install-recommends --no-remove "${packages[@]}" >/dev/null
    fi
    unpack "$root/exim" "${exim_packages[@]}"
    unpack "$root/sendmail" "${sendmail_packages[@]}"
    unpack "$root/opensmtpd" "${opensmtpd_packages[@]}"
fi

# Exim and OpenSMTPD have these users compiled in; Exim does not even print its version without its own.
for user in Debian-exim opensmtpd opensmtpq; do
    getent passwd "$user" >/dev/null ||
        useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$user"
done

for program in "${programs[@]}"; do
    if ldd "$program" | grep 'not found' >&2; then
        echo "install.sh: $program lacks a library" >&2
        exit 1
    fi
done
