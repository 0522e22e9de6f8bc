#!/usr/bin/env bash
# The user agent on libosip2 (adapters/osip2): against `siptls serve` on each backend, and against Kamailio where that is
# installed.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=kamailio.bash
. "$here/kamailio.bash"

agent=${SIPTLS_OSIP2_UA:-$source_dir/build/default/bin/siptls-osip2-ua}
[ -x "$agent" ] || skip_all "$agent is not built (libosip2 was not found)"

# says NAME PATTERN FILE: a line of the file must match, within 20 seconds.
says() {
    if wait_for "$2" "$3"; then pass "$1"; else fail "$1" "no line matches \"$2\"" "$3"; fi
}

# count NAME NUMBER PATTERN FILE: so many lines must match.
count() {
    local found
    found=$(grep -Ec -e "$3" "$4")
    if [ "$found" = "$2" ]; then pass "$1"; else fail "$1" "$found lines match \"$3\", not $2" "$4"; fi
}

expect "--help" 0 '^usage: ua' "$agent" --help
expect "no action" 1 '^usage: ua' "$agent"
expect "an unknown action" 1 'no action "dance"' "$agent" --ca "$pki/root.pem" --address 127.0.0.1:1 sips:a@b.test dance
expect "a URI without TLS" 1 '^usage: ua' "$agent" --ca "$pki/root.pem" sip:a@b.test register

expect "a number that is none" 1 '^usage: ua' "$agent" --ping soon sips:a@b.test options
expect "a URI without user" 1 '^usage: ua' "$agent" sips:b.test options

# A server that never answers: that takes the 32 seconds of timer F, so it is looked at last.
python3 "$here/odd-peer.py" mute "$pki/server.chain.pem" "$pki/server.key" >"$work/mute" 2>&1 &
pids+=($!)
wait_for '^listening on ' "$work/mute" || fail "a server that never answers" "it does not listen" "$work/mute"
# RFC 3261's timer F lets it wait 32 s.
timeout 90 "$agent" --ca "$pki/root.pem" --address "$(sed -n 's/^listening on //p' "$work/mute")" \
    sips:alice@example.test options >"$work/silence" 2>&1 &
silence=$!
pids+=("$silence")

for backend in "${backends[@]}"; do
    ua=("$agent" --backend "$backend" --ca "$pki/root.pem")
    me=sips:alice@example.test

    # --- what goes well
    start_server --backend "$backend" --cert "$pki/server.chain.pem" --key "$pki/server.key"
    at=(--address "$server")
    expect "$backend: REGISTER and OPTIONS" 0 '^OPTIONS: 200 OK, flow 1$' "${ua[@]}" "${at[@]}" $me register options
    expect "$backend: a small MESSAGE" 5 '^MESSAGE: 405 ' "${ua[@]}" "${at[@]}" $me message=hello
    expect "$backend: a MESSAGE of 64 KB" 5 '^MESSAGE: 405 ' "${ua[@]}" "${at[@]}" $me long=65536
    expect "$backend: a MESSAGE that the server finds too long" 3 'has ended' "${ua[@]}" "${at[@]}" $me long=65600
    expect "$backend: keep-alives" 0 '^REGISTER: 200' "${ua[@]}" "${at[@]}" --ping 200 --pong 10000 $me register wait=2
    says "$backend: keep-alives arrive" ' keep-alive$' "$server_log"
    count "$backend: keep-alives are answered" 0 ' has ended' "$out"
    expect "$backend: two servers of one domain, the first one down" 0 '^OPTIONS: 200' \
        "${ua[@]}" --address 127.0.0.1:1 "${at[@]}" $me options

    # --- what does not
    expect "$backend: nobody there" 2 'Connection refused; for SIP 503' "${ua[@]}" --address 127.0.0.1:1 $me register
    expect "$backend: wrong domain" 4 '^OPTIONS: 503 .*TLS identity mismatch' "${ua[@]}" "${at[@]}" \
        sips:alice@other.test options
    expect "$backend: wrong domain, registering" 4 'other\.test.*for SIP 503' "${ua[@]}" "${at[@]}" \
        sips:alice@other.test register
    expect "$backend: unknown CA" 4 '^OPTIONS: 503 .*TLS certificate rejected' \
        "$agent" --backend "$backend" --ca "$pki/other-root.pem" "${at[@]}" $me options
    stop "$server_pid"
    start_server --backend "$backend" --cert "$pki/expired.chain.pem" --key "$pki/expired.key"
    expect "$backend: expired" 4 'expired' "${ua[@]}" --address "$server" $me register
    start_server --backend "$backend" --cert "$pki/server.chain.pem" --key "$pki/server.key" --client-ca "$pki/root.pem"
    expect "$backend: no client certificate" 3 'certificate_required|handshake_failure|for SIP 403' \
        "${ua[@]}" --address "$server" $me register
    expect "$backend: with a client certificate" 0 '^REGISTER: 200' "${ua[@]}" --address "$server" \
        --cert "$pki/phone.chain.pem" --key "$pki/phone.key" $me register

    # --- a server of two domains: one connection
    start_server --backend "$backend" --cert "$pki/san-300.chain.pem" --key "$pki/san-300.key"
    expect "$backend: one server of two domains" 0 '^OPTIONS: 200 OK, flow 1$' "${ua[@]}" --address "$server" $me \
        options options=sips:n7.other.test
    count "$backend: both go over one connection" 1 ' connected: ' "$server_log"
    expect "$backend: a domain that it does not prove" 4 '^OPTIONS: 503 .*flow 2; ' "${ua[@]}" --address "$server" $me \
        options options=sips:third.test

    # --- a server that is started again
    start_server --backend "$backend" --cert "$pki/server.chain.pem" --key "$pki/server.key"
    "${ua[@]}" --address "$server" --retry 100 $me register wait=60 >"$work/again.log" 2>&1 &
    agent_pid=$!
    pids+=("$agent_pid")
    says "$backend: registered" '^REGISTER: 200' "$work/again.log"
    stop "$server_pid"
    says "$backend: the end is seen" 'has ended: .*; again in ' "$work/again.log"
    second_log=$work/second.log
    "$tool" serve --backend "$backend" --listen "$server" --cert "$pki/server.chain.pem" --key "$pki/server.key" \
        >"$second_log" 2>&1 &
    second=$!
    pids+=("$second")
    says "$backend: registers again with the new one" 'REGISTER sips:alice@example.test: 200' "$second_log"
    stop "$agent_pid"
    says "$backend: says goodbye" 'closed: by the client' "$second_log"
    stop "$second"
done

wait "$silence"
status=$?
says "no answer comes" '^OPTIONS: no answer came in time' "$work/silence"
if [ $status = 6 ]; then pass "no answer comes: exit code"; else fail "no answer comes: exit code" "not 6" "$work/silence"; fi

# --- Kamailio

if ! command -v kamailio >/dev/null; then
    [ "${SIPTLS_PEERS:-}" != 1 ] || fail kamailio "it should be installed, and is not"
    skip "against Kamailio" "it is not installed (./check --peers installs it)"
    finish
fi
if start_kamailio open no TLSv1.2+; then
    for backend in "${backends[@]}"; do
        ua=("$agent" --backend "$backend" --ca "$pki/root.pem" --address "$server" sips:alice@example.test)
        expect "$backend, Kamailio: all" 0 '^MESSAGE: 200 OK, flow 1$' "${ua[@]}" register options message=hello long=65536
        expect "$backend, Kamailio: keep-alives" 0 '^REGISTER: 200' "${ua[@]}" --ping 200 --pong 1000 register wait=2
        count "$backend, Kamailio: keep-alives are answered" 0 ' has ended' "$out"
        expect "$backend, Kamailio: wrong domain" 4 'identity mismatch' "${ua[@]}" options=sips:other.example
    done
fi
if start_kamailio mutual yes TLSv1.2+; then
    for backend in "${backends[@]}"; do
        ua=("$agent" --backend "$backend" --ca "$pki/root.pem" --address "$server" sips:alice@example.test)
        expect "$backend, Kamailio: client certificate" 0 '^OPTIONS: 200' "${ua[@]}" --cert "$pki/phone.chain.pem" \
            --key "$pki/phone.key" options
        expect "$backend, Kamailio: no client certificate" 3 'for SIP 403' "${ua[@]}" options
    done
fi

finish
