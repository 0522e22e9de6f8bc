#!/usr/bin/env bash
# A real SIP server: `siptls connect` gets 200 OK from Debian's Kamailio, on each backend, and refuses it if it is not
# who it should be.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=kamailio.bash
. "$here/kamailio.bash"

[ -x "$tool" ] || skip_all "$tool is not built"
if ! command -v kamailio >/dev/null; then
    [ "${SIPTLS_PEERS:-}" != 1 ] || { echo "kamailio should be installed, and is not"; exit 1; }
    skip_all "kamailio is not installed (./check --peers installs it)"
fi

# for_each FUNCTION: once for each backend and version.
for_each() {
    local backend version
    for backend in "${backends[@]}"; do
        for version in 1.2 1.3; do
            "$1" "$backend, TLS $version" "$tool" connect --backend "$backend" --tls "$version" --address "$server"
        done
    done
}

# shellcheck disable=SC2317 # for_each calls it
open_server() {
    local name=$1
    shift
    expect "$name: OPTIONS" 0 'OPTIONS +200' "$@" --ca "$pki/root.pem" --register alice --keepalive sips:example.test
    expect "$name: wrong domain" 4 'other\.example' "$@" --ca "$pki/root.pem" sips:other.example
    expect "$name: unknown CA" 4 'unknown_ca' "$@" --ca "$pki/other-root.pem" sips:example.test
}

# shellcheck disable=SC2317 # for_each calls it
mutual_server() {
    local name=$1
    shift
    expect "$name: client certificate" 0 'OPTIONS +200' "$@" --ca "$pki/root.pem" --cert "$pki/phone.chain.pem" \
        --key "$pki/phone.key" sips:example.test
    expect "$name: no client certificate" 3 'siptls connect: ' "$@" --ca "$pki/root.pem" sips:example.test
}

# Each of its TCP processes has ticket keys of its own and takes its turn: with one, all that come back are resumed; with
# two, tickets come to the other one, and it is a full handshake each time (openssl s_client gets the same). Never an error.
# shellcheck disable=SC2317 # for_each calls it
resuming_server() {
    local name=$1
    shift
    expect "$name: resumed by one process" 0 '^    resumed +3,' "$@" --ca "$pki/root.pem" --reconnect 3 sips:example.test
}

# shellcheck disable=SC2317
forgetful_server() {
    local name=$1
    shift
    expect "$name: a ticket for another process" 0 '^    full ' "$@" --ca "$pki/root.pem" --reconnect 3 sips:example.test
    sed -n "s/^    \(resumed\|full\) /      | \1/p" "$out"
}

if start_kamailio open no TLSv1.2+; then
    for_each open_server
    for_each forgetful_server
fi
if start_kamailio single no TLSv1.2+ 1; then
    for_each resuming_server
fi
if start_kamailio mutual yes TLSv1.2+; then
    for_each mutual_server
    if grep -q 'verified=1' "$work/mutual/log"; then pass "kamailio verified our certificate"; else
        fail "kamailio verified our certificate" "it does not say so" "$work/mutual/log"
    fi
fi

finish
