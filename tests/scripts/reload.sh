#!/usr/bin/env bash
# siptls serve, told by SIGHUP that its certificates were renewed: calls go on, new ones get the new certificate, and bad
# files change nothing.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

[ -x "$tool" ] || skip_all "$tool is not built"
command -v openssl >/dev/null || skip_all "there is no openssl command for a call that lasts"

s=$work/store

# shellcheck disable=SC2317 # it is called through expect
call() {
    timeout 60 "$tool" connect --backend "$backend" --ca "$pki/root.pem" --ca "$pki/root-rsa.pem" --address "$server" \
        "$@" sips:example.test
}

# install NAME [KEY-OF]: uploads a certificate into the store.
# shellcheck disable=SC2317
install() {
    timeout 60 "$tool" device install --cert "$pki/$1.chain.pem" --key "$pki/${2:-$1}.key" --place custom "$s"
}

# renew EVENT NAME: SIGHUP, and the server tells that event once more.
renew() {
    local before after tries
    before=$(grep -Ec "^$1: " "$server_log")
    kill -HUP "$server_pid"
    for ((tries = 0; tries < 400; tries++)); do
        after=$(grep -Ec "^$1: " "$server_log")
        if [ "$after" -gt "$before" ]; then
            pass "$2"
            return
        fi
        sleep 0.05
    done
    fail "$2" "the server does not say \"$1\"" "$server_log"
}

# A call that lasts: what it says goes through a pipe.
start_call() {
    rm -f "$work/say"
    mkfifo "$work/say"
    timeout 120 openssl s_client -quiet -connect "$server" -servername example.test -CAfile "$pki/root.pem" \
        <"$work/say" >"$work/heard" 2>&1 &
    call_pid=$!
    pids+=("$call_pid")
    exec {say}>"$work/say"
    said=0
}
ask() {
    said=$((said + 1))
    printf 'OPTIONS sips:example.test SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bK%d\r\n' $said
    printf 'From: <sips:a@example.test>;tag=1\r\nTo: <sips:example.test>\r\nCall-ID: lasting\r\n'
    printf 'CSeq: %d OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n' $said
}
still_there() {
    ask >&"$say"
    if wait_for "^CSeq: $said OPTIONS" "$work/heard"; then pass "$1"; else
        fail "$1" "the call that lasts gets no answer" "$work/heard"
    fi
}
end_call() {
    exec {say}>&-
    stop "$call_pid"
}

for backend in "${backends[@]}"; do

    # --- a store

    rm -rf "$s"
    "$tool" store init "$s" >"$out" 2>&1
    "$tool" store add "$s" "$pki/root.pem" >"$out" 2>&1
    "$tool" device use "$s" custom >"$out" 2>&1
    expect "$backend: an empty store" 1 'no server certificate to send: siptls device install' \
        "$tool" serve --backend "$backend" --store "$s"
    expect "$backend: the first upload" 0 . install server
    start_server --backend "$backend" --store "$s"
    expect "$backend: what the store sends" 0 'CN=server,' call
    start_call
    still_there "$backend: a call"
    expect "$backend: a new upload" 0 . install server-p384
    expect "$backend: nobody told the server" 0 'CN=server,' call
    renew reloaded "$backend: SIGHUP"
    expect "$backend: a new call gets the new certificate" 0 'CN=server-p384,' call
    still_there "$backend: the old call goes on"
    expect "$backend: an upload with another's key" 1 'key' install server-rsa server
    renew reloaded "$backend: SIGHUP after a bad upload"
    expect "$backend: it changed nothing" 0 'CN=server-p384,' call
    for file in "$s"/server-*.pem; do
        echo garbage >"$file"
    done
    renew 'not reloaded' "$backend: SIGHUP with a damaged store"
    if grep -Eq '^siptls serve: .+' "$server_log"; then pass "$backend: it tells what is damaged"; else
        fail "$backend: it tells what is damaged" "it does not" "$server_log"
    fi
    expect "$backend: the last one stays in force" 0 'CN=server-p384,' call
    still_there "$backend: and the old call goes on"
    expect "$backend: an upload mends it" 0 . install server
    renew reloaded "$backend: SIGHUP after it"
    expect "$backend: which is in force" 0 'CN=server,' call
    still_there "$backend: the call has outlived them all"
    end_call
    if stop "$server_pid"; then pass "$backend: SIGTERM ends it well"; else
        fail "$backend: SIGTERM ends it well" "it does not" "$server_log"
    fi

    # --- files

    cp "$pki/server.chain.pem" "$work/cert.pem"
    cp "$pki/server.key" "$work/cert.key"
    start_server --backend "$backend" --cert "$work/cert.pem" --key "$work/cert.key"
    start_call
    still_there "$backend: a call to a server with files"
    cp "$pki/server-p384.chain.pem" "$work/cert.pem"
    renew 'not reloaded' "$backend: a certificate without its key"
    expect "$backend: the pair stays in force" 0 'CN=server,' call
    cp "$pki/server-p384.key" "$work/cert.key"
    renew reloaded "$backend: and with its key"
    expect "$backend: the new pair" 0 'CN=server-p384,' call
    still_there "$backend: the call goes on"
    end_call
    stop "$server_pid"
done

# --- whom the store trusts

backend=${backends[0]}
expect "a store that trusts nobody's phone" 0 . "$tool" store use "$s" custom
start_server --backend "$backend" --store "$s" --verify required
phone=(--cert "$pki/phone-other.chain.pem" --key "$pki/phone-other.key")
expect "a phone of another CA is refused" 3 'unknown_ca' call "${phone[@]}"
expect "its CA is added" 0 . "$tool" store add "$s" "$pki/other-root.pem"
renew reloaded "SIGHUP after it"
expect "the phone is let in" 0 'CN=server' call "${phone[@]}"
stop "$server_pid"

# --- the key log, which SIGHUP opens anew

if "$tool" backends --json | grep -q '"keylog": *true'; then
    start_server --cert "$pki/server.chain.pem" --key "$pki/server.key" --keylog "$work/keys"
    expect "a call with a key log" 0 'CN=server' call
    mv "$work/keys" "$work/keys.old"
    lines=$(wc -l <"$work/keys.old")
    renew reloaded "SIGHUP after the key log was moved away"
    expect "another call" 0 'CN=server' call
    if [ "$lines" -gt 0 ] && [ -s "$work/keys" ]; then pass "its keys are in the new log"; else
        fail "its keys are in the new log" "$lines lines in the old one" "$work/keys"
    fi
    if [ "$(wc -l <"$work/keys.old")" = "$lines" ]; then pass "and not in the old one"; else
        fail "and not in the old one" "it has grown" "$work/keys.old"
    fi
    stop "$server_pid"
else
    skip "the key log" "no backend of this build has one"
fi

# --- the command line

expect "--store with --cert" 1 'make no sense' "$tool" serve --store "$s" --cert "$pki/server.chain.pem"
expect "--store with --client-ca" 1 'make no sense' "$tool" serve --store "$s" --client-ca "$pki/root.pem"
expect "--store at nothing" 1 'siptls serve: ' "$tool" serve --store "$work/nowhere"
expect "neither" 1 '--cert, --store or --profile' "$tool" serve

finish
