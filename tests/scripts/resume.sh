#!/usr/bin/env bash
# Resumption with foreign peers: openssl s_client at `siptls serve`, and `siptls connect` at openssl s_server and
# Kamailio, on each backend, in TLS 1.2 and 1.3. What is lost is a full handshake, never an error.
# No ticket of ours invites early data. Promise P2 of SECURITY.md.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

[ -x "$tool" ] || skip_all "$tool is not built"
command -v openssl >/dev/null || skip_all "the openssl command is not installed"

# can BACKEND CAPABILITY
can() {
    "$tool" backends --json | python3 -c '
import json, sys
backends = {b["name"]: b["capabilities"] for b in json.load(sys.stdin)["backends"]}
sys.exit(not backends[sys.argv[1]][sys.argv[2]])' "$1" "$2"
}

# secrets FILE WHICH...: each of them made once.
secrets() {
    local file=$1 which
    shift
    : >"$file"
    chmod 600 "$file"
    for which in "$@"; do
        [ -e "$work/secret-$which" ] || openssl rand -hex 32 >"$work/secret-$which"
        { printf '# %s\n' "$which"; cat "$work/secret-$which"; } >>"$file"
    done
}

# --- s_client at siptls serve

write_options() {
    printf '%s\r\n' "OPTIONS sips:example.test SIP/2.0" "Via: SIP/2.0/TLS 127.0.0.1:15099;branch=z9hG4bKfoo;rport" \
        "Max-Forwards: 70" "From: <sips:alice@example.test>;tag=1" "To: <sips:example.test>" "Call-ID: resume-1" \
        "CSeq: 1 OPTIONS" "Content-Length: 0" ""
}

# s_client NAME EXPECTED OPTION...: New or Reused, and the same from the server, which must know the client either way
# and answer it.
s_client() {
    local name=$1 expected=$2 got said=resumed
    shift 2
    : >"$out"
    # shellcheck disable=SC2094 # it is read while it is written
    {
        write_options
        wait_for 'SIP/2.0 200 OK|alert' "$out"
        sleep 0.2
    } | timeout 20 openssl s_client -nocommands -no_ign_eof -connect "$server" -servername example.test \
        -CAfile "$pki/root.pem" -verify_return_error "${identity[@]}" "$@" >"$out" 2>&1
    got=$(sed -nE 's/^(New|Reused), .*/\1/p' "$out" | tail -n 1)
    [ "$expected" = Reused ] || said='full handshake'
    if [ "$got" != "$expected" ]; then
        fail "$name" "s_client says \"$got\", not \"$expected\"" "$out"
    elif ! grep -q 'SIP/2.0 200 OK' "$out"; then
        fail "$name" "no answer" "$out"
    elif ! wait_for 'connected' "$server_log" || ! tail -n 3 "$server_log" | grep -q "connected: .*, $said, .*$client_is"; then
        fail "$name" "the server does not say \"$said\" and \"$client_is\"" "$server_log"
    else
        pass "$name"
    fi
}

serve() {
    start_server --backend "$backend" --cert "$pki/server.chain.pem" --key "$pki/server.key" --client-ca "$pki/root.pem" \
        --verify optional "$@"
}

# write_clock FILE SECONDS: what soak-clock.so adds to the time of day.
write_clock() {
    python3 -c 'import struct, sys; open(sys.argv[1], "wb").write(struct.pack("=q", int(sys.argv[2])))' "$1" "$2"
}

# clock_apart NAME RING OPTION...: a client that tells a ticket's age otherwise than the server reckons it (its clock runs
# ahead or behind, or it has waited in a queue), with a ticket that is not too old.
clock_apart() {
    local name=$1 ring=$2 seconds
    shift 2
    if [[ $backend = wolfssl && " ${SIPTLS_ORIGINS:-wolfssl=built} " != *" wolfssl=built "* ]]; then
        skip "$name: a clock apart" "this wolfSSL refuses a ticket whose age is told 11 s wrong"
        return
    fi
    for seconds in 60 -60; do
        write_clock "$work/clock" "$seconds"
        LD_PRELOAD=$(dirname "$tool")/soak-clock.so SOAK_CLOCK=$work/clock \
            ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0 serve --ticket-secrets "$ring" || return
        s_client "$name: a clock $seconds s apart" Reused "$@"
        stop "$server_pid"
    done
}

foreign_client() {
    local name="$backend, TLS ${version/_/.}, s_client" session=$work/session-$backend-$version \
        ring=$work/ring-$backend-$version
    local in=(-tls"$version" -sess_in "$session" -sess_out "$session")
    secrets "$ring" old
    serve --ticket-secrets "$ring" || return
    s_client "$name: first" New -tls"$version" -sess_out "$session"
    if grep -q 'Max Early Data: [1-9]' "$out"; then
        fail "$name: early data" "the ticket asks for some [P2]" "$out"
    else
        pass "$name: early data [P2]"
    fi
    s_client "$name: second" Reused "${in[@]}"
    secrets "$ring" new old
    kill -HUP "$server_pid"
    wait_for '^reloaded' "$server_log"
    s_client "$name: the secret behind a new one" Reused "${in[@]}" # and keeps a ticket of the new one's
    stop "$server_pid"
    serve --ticket-secrets "$ring" || return
    s_client "$name: a server started again" Reused "${in[@]}"
    if [ "$version" = 1_2 ]; then
        openssl s_client -reconnect -tls1_2 -connect "$server" -servername example.test -CAfile "$pki/root.pem" \
            "${identity[@]}" </dev/null >"$out" 2>&1
        if [ "$(grep -c '^Reused' "$out")" = 5 ]; then pass "$name: -reconnect"; else
            fail "$name: -reconnect" "not 5 times Reused" "$out"
        fi
    fi
    stop "$server_pid"
    clock_apart "$name" "$ring" "${in[@]}"
    secrets "$ring" foreign
    serve --ticket-secrets "$ring" || return
    s_client "$name: other secrets" New "${in[@]}"
    stop "$server_pid"
    serve --tickets 0 || return
    s_client "$name: no tickets, after a ticket" New "${in[@]}"
    rm -f "$session"
    s_client "$name: no tickets, first" New -tls"$version" -sess_out "$session"
    if grep -q 'TLS session ticket:' "$out"; then fail "$name: no tickets" "there is one" "$out"; else
        pass "$name: no tickets"
    fi
    stop "$server_pid"
    printf '[quiet]\ntickets = 0\n' >"$work/quiet.ini"
    serve --profile "$work/quiet.ini#quiet" || return
    s_client "$name: a profile without tickets" New -tls"$version" -sess_out "$session"
    if grep -q 'TLS session ticket:' "$out"; then
        fail "$name: a profile without tickets" "there is one" "$out"
    else
        pass "$name: a profile without tickets"
    fi
    stop "$server_pid"
    printf '[plain]\ntickets = 2\n' >"$work/plain.ini"
    rm -f "$session"
    serve --profile "$work/plain.ini#plain" || return
    s_client "$name: a profile with tickets" New -tls"$version" -sess_out "$session"
    kill -HUP "$server_pid"
    wait_for '^reloaded' "$server_log"
    s_client "$name: a profile with tickets, after SIGHUP" Reused "${in[@]}"
    stop "$server_pid"
}

for backend in "${backends[@]}"; do
    if ! can "$backend" tickets; then
        skip "$backend" "this build issues no tickets"
        continue
    fi
    identity=() client_is='client without certificate'
    if can "$backend" ticket-peer; then
        identity=(-cert "$pki/phone.pem" -cert_chain "$pki/phone.chain.pem" -key "$pki/phone.key")
        client_is='CN=phone.*, verified'
    fi
    for version in 1_2 1_3; do
        foreign_client
    done
done

# --- siptls connect at s_server, which says something that is no SIP: so the exit code is 6

start_s_server() {
    server_log=$work/s_server.log
    : >"$server_log"
    while printf 'no SIP\r\n\r\n'; do sleep 0.1; done 2>/dev/null |
        openssl s_server -accept 127.0.0.1:0 -cert "$pki/server.pem" -cert_chain "$pki/server.chain.pem" \
            -key "$pki/server.key" "$@" >"$server_log" 2>&1 &
    server_pid=$!
    pids+=("$server_pid")
    wait_for '^ACCEPT' "$server_log" || { fail "s_server" "it does not listen" "$server_log"; return 1; }
    server=$(sed -n 's/^ACCEPT //p' "$server_log")
}

# phone NAME EXIT-CODE FIRST RESUMED FULL OPTION...: the first connection "new" or "resumed", and how many of those
# after it were what.
phone() {
    local name=$1 code=$2 first=$3 resumed=$4 full=$5 status
    shift 5
    timeout 60 "$tool" connect --backend "$backend" --tls "$version" --ca "$pki/root.pem" --address "$server" "$@" \
        sips:example.test >"$out" 2>&1
    status=$?
    if [ "$status" != "$code" ]; then
        fail "$name" "exit code $status, expected $code" "$out"
    elif ! grep -Eq "^    session +$first" "$out"; then
        fail "$name" "the first connection is not \"$first\"" "$out"
    elif [ "$resumed$full" != -- ] && ! { grep -Eq "^    resumed +$resumed(,|\$)" "$out" &&
        grep -Eq "^    full +$full(,|\$)" "$out"; }; then
        fail "$name" "not $resumed resumed and $full full" "$out"
    else
        pass "$name"
    fi
}

foreign_server() {
    local name="$backend, TLS $version, s_server" kept=(--session "$work/kept-$backend-$version" --session-key "$work/key")
    start_s_server || return
    phone "$name" 6 new 3 0 --reconnect 3
    phone "$name: a session to keep" 6 new - - "${kept[@]}"
    phone "$name: the session kept" 6 resumed - - "${kept[@]}"
    stop "$server_pid"
    start_s_server || return
    phone "$name: the session kept, for a server started again" 6 new - - "${kept[@]}"
    phone "$name: and then" 6 resumed 1 0 --reconnect 1 "${kept[@]}"
    stop "$server_pid"
    # TLS 1.2 has its own tickets.
    local none=0
    [ "$version" = 1.2 ] || none=3
    start_s_server -num_tickets 0 || return
    phone "$name, -num_tickets 0" 6 new $((3 - none)) $none --reconnect 3
    stop "$server_pid"
}

# not_a_session NAME FILE: what --session names may be something else of the user's; it is not lost.
not_a_session() {
    local name="$backend, --session of $1" file=$2 before status
    before=$(ls -ld "$file"; [ ! -f "$file" ] || sha256sum <"$file")
    timeout 60 "$tool" connect --backend "$backend" --ca "$pki/root.pem" --address 127.0.0.1:9 \
        --session "$file" --session-key "$work/key" sips:example.test >"$out" 2>&1
    status=$?
    if [ "$status" != 1 ] || ! grep -qF -- "--session: $file" "$out"; then
        fail "$name" "exit code $status, and not 1 with a reason" "$out"
    elif [ "$before" != "$(ls -ld "$file"; [ ! -f "$file" ] || sha256sum <"$file")" ]; then
        fail "$name" "the file is not what it was" "$out"
    else
        pass "$name"
    fi
}

not_sessions() {
    cp "$pki/root.pem" "$work/other-file" && : >"$work/empty-file"
    mkdir -p "$work/a-directory" && rm -f "$work/a-fifo" && mkfifo "$work/a-fifo"
    not_a_session "another file" "$work/other-file"
    not_a_session "an empty file" "$work/empty-file"
    not_a_session "a directory" "$work/a-directory"
    not_a_session "a FIFO" "$work/a-fifo"
}

secrets "$work/key" key
for backend in "${backends[@]}"; do
    if ! can "$backend" resume; then
        skip "$backend" "this build resumes no sessions"
        continue
    fi
    for version in 1.2 1.3; do
        foreign_server
    done
    not_sessions
done

finish
