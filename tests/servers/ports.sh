# shellcheck shell=bash
# Sourced by up.sh, down.sh and trixie.sh: who listens where, by ports.tsv, which is in their folder $here.

# The lines "PORT SERVER TLS LOGIN" of the servers named, in the order of the table.
ports_of() {
    local port server tls login wanted
    while IFS=$'\t' read -r port server tls login; do
        for wanted in "$@"; do
            [ "$server" != "$wanted" ] || echo "$port $server $tls $login"
        done
    done <"${here:?}/ports.tsv"
}

# Whether somebody accepts connections there.
accepts() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# await PORT: 15 seconds for a server that is starting; 1 if it does not accept by then.
await() {
    local tries
    for ((tries = 0; tries < 300; tries++)); do
        ! accepts "$1" || return 0
        sleep 0.05
    done
    return 1
}

# closed PORT: 5 seconds for what a server leaves behind, such as its children; 1 if somebody accepts after that.
closed() {
    local tries
    for ((tries = 0; tries < 100; tries++)); do
        accepts "$1" || return 0
        sleep 0.05
    done
    return 1
}

# stop FOLDER PIDFILE: ends the server that wrote it, and waits until it is gone.
stop() {
    local folder=$1 file=$2 pid='' traces tries
    [ -s "$file" ] || return 0
    # Some write no end of line, which "read" takes for a failure.
    read -r pid <"$file" || true
    # After a restart of the machine the number may be another's: ours stands in its folder, or has it in its command line.
    traces=$(readlink "/proc/$pid/cwd" && tr '\0' ' ' <"/proc/$pid/cmdline") 2>/dev/null || traces=
    if [[ $traces == *"$folder"* ]]; then
        # The group first, for the processes that serve open connections.
        kill -- "-$pid" 2>/dev/null || kill "$pid" 2>/dev/null || true
        # One that has ended but was not collected by its parent yet has a number still, and no program.
        for ((tries = 0; tries < 200; tries++)); do
            [ -e "/proc/$pid/exe" ] || break
            sleep 0.05
        done
        [ ! -e "/proc/$pid/exe" ] || return 1
    fi
    rm -f "$file"
}
