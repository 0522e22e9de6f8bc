# shellcheck shell=bash
# What the tests against foreign SIP software share. Sourced; not a test of its own.
# shellcheck source=../scripts/lib.bash
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.bash"

# need COMMAND PACKAGE: without it nothing is tested; after ./check --peers that is a failure.
need() {
    command -v "$1" >/dev/null && return
    if [ "${SIPTLS_PEERS:-}" = 1 ]; then
        echo "$1 should be installed (Debian: $2), and is not"
        exit 1
    fi
    skip_all "$1 is not installed (Debian: $2; ./check --peers installs it)"
}

[ -x "$tool" ] || skip_all "$tool is not built"

# serve_as CERTIFICATE [OPTION...]: `siptls serve` of $backend with a certificate of the test PKI.
serve_as() {
    start_server --backend "$backend" --cert "$pki/$1.chain.pem" --key "$pki/$1.key" "${@:2}"
}

# saw NAME PEER-PATTERN PEER-FILE OUR-PATTERN OUR-FILE: what each side said. If one of them did not say so, both are
# shown.
saw() {
    local missing=
    wait_for "$2" "$3" || missing="the peer does not say \"$2\""
    wait_for "$4" "$5" || missing="${missing:+$missing, and }siptls does not say \"$4\""
    if [ -z "$missing" ]; then
        pass "$1"
        return
    fi
    fail "$1" "$missing. The peer, then siptls:" "$3"
    tail -n 15 "$5" | sed 's/^/      > /'
}
