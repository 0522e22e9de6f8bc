#!/usr/bin/env bash
# sipsak (GnuTLS) as a client of `siptls serve` on each backend: what each side says to right and wrong certificates; and
# what unasked tickets do to it.
# shellcheck source=peers.bash
. "$(dirname "$0")/peers.bash"

need sipsak sipsak

# sipsak 0.9.8 takes what is no data of a message (a ticket of TLS 1.3) for a failed connection: it needs a server that
# sends none.
#
# What; certificate; CA; exit code; what sipsak says; what siptls says. It breaks off without an alert when it has
# completed the handshake, and only then looks at the certificate.
cases='right;server;root;0;^SIP/2.0 200 OK;OPTIONS sip:a@example\.test: 200
wrong CA;server;other-root;3;certificate hasn.t got a known issuer;#1 .* cut off: 
wrong name;wrong-domain;root;3;owner does not match hostname .example\.test.;#1 .* cut off: 
expired;expired;root;3;certificate is not trustworthy;#1 .* cut off: 
self-signed;self-signed;root;3;certificate is not trustworthy;#1 .* cut off: '

# ask CA: one OPTIONS; its exit code in $status. Without -vvv it does not verify.
ask() {
    timeout 20 sipsak -vvv -E tls --tls-ca-cert="$pki/$1.pem" -p 127.0.0.1 -r "${server##*:}" -s sip:a@example.test \
        >"$out" 2>&1 </dev/null
    status=$?
}

# said NAME EXIT-CODE SIPSAKS OURS
said() {
    if [ "$status" = "$2" ]; then saw "$1" "$3" "$out" "$4" "$server_log"; else
        fail "$1" "sipsak's exit code is $status, not $2. It, then siptls:" "$out"
        tail -n 15 "$server_log" | sed 's/^/      > /'
    fi
}

for backend in "${backends[@]}"; do
    for version in 1.2 1.3; do
        while IFS=';' read -r what certificate ca code theirs ours; do
            serve_as "$certificate" --tls $version --tickets 0 || continue
            ask "$ca"
            said "$backend, TLS $version: $what" "$code" "$theirs" "$ours"
            stop "$server_pid"
        done <<<"$cases"
    done

    # The canary: with tickets, a client like this gets no answer out of TLS 1.3, though the server has sent it.
    if serve_as server --tls 1.3 --tickets 1; then
        ask root
        said "$backend, TLS 1.3: a ticket that it did not ask for" 2 'nothing received, select returned error' \
            'OPTIONS sip:a@example\.test: 200'
        stop "$server_pid"
    fi
    if serve_as server --tls 1.2 --tickets 1; then
        ask root
        said "$backend, TLS 1.2: a ticket is part of the handshake" 0 'SIP/2.0 200 OK' 'OPTIONS sip:a@example\.test: 200'
        stop "$server_pid"
    fi
done

finish
