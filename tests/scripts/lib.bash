# shellcheck shell=bash
# What the test scripts share. Sourced; not a test of its own.
#
# CTest gives SIPTLS_TOOL, SIPTLS_VERDICTS, SIPTLS_TEST_PKI, SIPTLS_CORPORA, SIPTLS_SOURCE_DIR and SIPTLS_BACKENDS; by
# hand, the defaults are those of the tree build/default.

set -uo pipefail
export LC_ALL=C.UTF-8

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source_dir=${SIPTLS_SOURCE_DIR:-$(cd "$here/../.." && pwd)}
# shellcheck disable=SC2034 # these are for the scripts
{
    tool=${SIPTLS_TOOL:-$source_dir/build/default/bin/siptls}
    verdicts=${SIPTLS_VERDICTS:-$source_dir/build/default/bin/siptls-verdicts}
    pki=${SIPTLS_TEST_PKI:-$source_dir/build/default/pki}
    corpora=${SIPTLS_CORPORA:-$source_dir/../shared/corpora}
    read -ra backends <<<"${SIPTLS_BACKENDS:-openssl mbedtls wolfssl}"
}

work=$(mktemp -d)
pids=()
passed=0 failed=0 skipped=0

# Every process that a script starts is ended by its own number: those it names, and its other children.
clean_up() {
    local pid
    for pid in "${pids[@]}" $(jobs -p); do
        kill "$pid" 2>/dev/null
    done
    wait
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM PIPE

skip_all() {
    printf 'skipped: %s\n' "$*"
    exit 77
}

# The first Python that has a module: another one may stand before the distribution's.
python_with() {
    local candidate
    for candidate in python3 /usr/bin/python3; do
        if "$candidate" -c "import $1" 2>/dev/null; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    return 1
}

pass() {
    passed=$((passed + 1))
    printf 'ok    %s\n' "$1"
}

# fail NAME WHY [FILE]: the file's end is shown.
fail() {
    failed=$((failed + 1))
    printf 'FAIL  %s: %s\n' "$1" "$2"
    [ $# -lt 3 ] || tail -n 15 "$3" | sed 's/^/      | /'
}

skip() {
    skipped=$((skipped + 1))
    printf 'SKIP %s: %s\n' "$1" "$2"
}

finish() {
    printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
    [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
    exit
}

# expect NAME EXIT-CODE PATTERN COMMAND...: runs it; its exit code must be that, and its output (also stderr) must match
# the extended regular expression. The output stays in $out.
out=$work/out
expect() {
    local name=$1 code=$2 pattern=$3 status
    shift 3
    if [ "$(type -t "$1")" = function ]; then
        "$@" >"$out" 2>&1 </dev/null # it has a limit of its own
    else
        timeout 60 "$@" >"$out" 2>&1 </dev/null
    fi
    status=$?
    if [ "$status" != "$code" ]; then
        fail "$name" "exit code $status, expected $code" "$out"
    elif ! grep -Eq -e "$pattern" "$out"; then
        fail "$name" "the output does not match \"$pattern\"" "$out"
    else
        pass "$name"
    fi
}

# wait_for PATTERN FILE: until a line of it matches, 20 seconds at most.
wait_for() {
    local tries
    for ((tries = 0; tries < 400; tries++)); do
        grep -Eq -e "$1" "$2" 2>/dev/null && return 0
        sleep 0.05
    done
    return 1
}

# free_port [COUNT]: one that nobody listens on, and COUNT - 1 more behind it.
free_port() {
    python3 - "${1:-1}" <<'END'
import contextlib, socket, sys

while True:
    with contextlib.ExitStack() as listeners:
        try:
            first = listeners.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
            for port in range(first + 1, first + int(sys.argv[1])):
                listeners.enter_context(socket.create_server(("127.0.0.1", port)))
        except OSError:
            continue
    if first >= 15000:
        print(first)
        break
END
}

# start_server ARGUMENT...: `siptls serve` on a free port; its pid in $server_pid, its address in $server, its output
# in $server_log.
servers=0
start_server() {
    servers=$((servers + 1))
    server_log=$work/server$servers.log
    "$tool" serve --listen 127.0.0.1:0 "$@" >"$server_log" 2>&1 &
    server_pid=$!
    pids+=("$server_pid")
    if ! wait_for 'listening' "$server_log"; then
        fail "start of a server" "it does not listen: siptls serve $*" "$server_log"
        return 1
    fi
    # shellcheck disable=SC2034 # for the scripts
    server=$(sed -En 's/^listening on //p; s/.*"listening","address":"([^"]*)".*/\1/p' "$server_log")
}

# ends PID: waits for it, 20 seconds at most; its exit code is the answer.
ends() {
    local tries
    for ((tries = 0; tries < 400; tries++)); do
        kill -0 "$1" 2>/dev/null || break
        sleep 0.05
    done
    kill "$1" 2>/dev/null && return 124
    wait "$1"
}

# stop PID: with SIGTERM; its exit code is the answer.
stop() {
    kill "$1" 2>/dev/null
    ends "$1"
}
