#!/usr/bin/env bash
# `siptls proxy` on each backend, between a server without TLS and TLS clients; see proxy-peers.py.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

[ -x "$tool" ] || skip_all "$tool is not built"
[ "$(uname)" = Linux ] || skip_all "siptls proxy needs Linux"
command -v python3 >/dev/null || skip_all "there is no python3"

cert=(--cert "$pki/server.chain.pem" --key "$pki/server.key")
expect "proxy --help" 0 '^usage: siptls proxy' "$tool" proxy --help
expect "proxy without certificate" 1 'needs a certificate' "$tool" proxy --to 127.0.0.1:5060
expect "proxy to nowhere" 1 'where it goes is missing' "$tool" proxy "${cert[@]}"
expect "proxy to two places" 1 'choose one' "$tool" proxy "${cert[@]}" --to 127.0.0.1:5060 --to-tls sips:example.test
expect "proxy to no address" 1 'takes host:port' "$tool" proxy "${cert[@]}" --to example.test
expect "proxy to sip:" 1 'does not ask for TLS' "$tool" proxy "${cert[@]}" --to-tls sip:example.test
expect "proxy to port 0" 1 'takes host:port' "$tool" proxy "${cert[@]}" --to 127.0.0.1:00
expect "proxy to TCP, and to another address" 1 'need --to-tls' "$tool" proxy "${cert[@]}" --to 127.0.0.1:5060 \
    --to-address 127.0.0.1:5062 --listen 192.0.2.1:0
expect "proxy to TCP with a CA" 1 'need --to-tls' "$tool" proxy "${cert[@]}" --to 127.0.0.1:5060 --to-ca "$pki/root.pem"
expect "proxy to nobody's domain" 1 'to-domain: the peer name is empty' "$tool" proxy "${cert[@]}" --to-tls sips:example.test \
    --to-address 127.0.0.1:5060 --to-ca "$pki/root.pem" --to-domain ''
expect "proxy: certificate and store" 1 'make no sense' "$tool" proxy "${cert[@]}" --store "$work" --to 127.0.0.1:5060
expect "proxy with no threads" 1 'from 1 to 256' "$tool" proxy "${cert[@]}" --to 127.0.0.1:5060 --threads 0
expect "proxy with a key of another" 1 'siptls proxy: ' "$tool" proxy --cert "$pki/server.chain.pem" --key "$pki/phone.key" \
    --to 127.0.0.1:5060
expect "proxy with CRLs and no trust" 1 'needs certificates to trust' "$tool" proxy "${cert[@]}" --crl "$pki/crl-int.pem" \
    --to 127.0.0.1:5060

# Each thread takes two descriptors, too. It ends because it cannot listen there.
few() { (ulimit -n 600 && timeout 60 "$@"); }
if few bash -c 'ulimit -n 601' 2>/dev/null; then
    skip "proxy with few descriptors" "we may raise the limit"
else
    expect "proxy with few descriptors" 2 'enough for 12 connections' few "$tool" proxy "${cert[@]}" --listen 192.0.2.1:0 \
        --to 127.0.0.1:5060 --threads 256
fi

# The backends at the same time: most of it is waiting.
for backend in "${backends[@]}"; do
    mkdir "$work/$backend"
    python3 "$here/proxy-peers.py" "$tool" "$pki" "$backend" "$work/$backend" >"$work/$backend.log" 2>&1 &
    pids+=($!)
    runs+=($!)
done
for run in "${runs[@]}"; do
    wait "$run"
done
for backend in "${backends[@]}"; do
    while IFS= read -r line; do
        case $line in
        'ok    '*) pass "${line#ok    }" ;;
        'FAIL  '*) fail "${line#FAIL  }" "see above" ;;
        *) fail "$backend" "$line" ;;
        esac
    done <"$work/$backend.log"
    grep -q '^ok ' "$work/$backend.log" || fail "$backend" "nothing ran" "$work/$backend.log"
done

finish
