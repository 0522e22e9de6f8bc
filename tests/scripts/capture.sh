#!/usr/bin/env bash
# The key log: tshark decrypts a capture of a call with it, and without it sees nothing of SIP; with the key log of each
# side, on each backend, in each version. As docs/captures.md has it.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

[ -x "$tool" ] || skip_all "$tool is not built"
if ! command -v tshark >/dev/null; then
    [ "${SIPTLS_PEERS:-}" != 1 ] || { echo "tshark should be installed, and is not"; exit 1; }
    skip_all "tshark is not installed (./check --peers installs it)"
fi

# shellcheck disable=SC2317 # expect calls it
# dissect PCAP [KEYLOG]: what tshark makes of it, without the user's own settings.
dissect() {
    HOME=$work/home XDG_CONFIG_HOME=$work/home tshark -n -r "$1" ${2:+-o "tls.keylog_file:$2"} -O sip 2>&1
}
mkdir "$work/home"

for backend in "${backends[@]}"; do
    for version in 1.2 1.3; do
        name="$backend, TLS $version"
        dir=$work/$backend-$version
        mkdir "$dir"
        start_server --backend "$backend" --tls "$version" --cert "$pki/server.chain.pem" --key "$pki/server.key" \
            --keylog "$dir/server.keys" || continue
        python3 "$here/record.py" "$dir/call.pcap" "$server" >"$dir/port" 2>"$dir/relay.log" &
        relay=$!
        pids+=("$relay")
        wait_for '^[0-9]' "$dir/port" || fail "$name: the relay" "it does not listen" "$dir/relay.log"
        expect "$name: a call" 0 'OPTIONS +200' "$tool" connect --backend "$backend" --tls "$version" --ca "$pki/root.pem" \
            --register alice --keylog "$dir/client.keys" --address "127.0.0.1:$(cat "$dir/port")" sips:example.test
        if grep -q "warning: whoever reads $dir/client.keys can decrypt" "$out"; then pass "$name: it warns"; else
            fail "$name: it warns" "no warning" "$out"
        fi
        ends "$relay" || fail "$name: the relay" "it did not end well" "$dir/relay.log"
        stop "$server_pid"
        expect "$name: TLS without keys" 0 'Transport Layer Security' dissect "$dir/call.pcap"
        if grep -Eq 'REGISTER|Session Initiation' "$out"; then fail "$name: no SIP without keys" "it can be read" "$out"; fi
        for side in client server; do
            [ "$(stat -c %a "$dir/$side.keys")" = 600 ] || fail "$name: the $side's key log" "its mode is not 600"
            expect "$name: the call with the $side's keys" 0 'Request-Line: REGISTER sips:example\.test SIP/2\.0' \
                dissect "$dir/call.pcap" "$dir/$side.keys"
            grep -q 'Status-Line: SIP/2\.0 200 OK' "$out" ||
                fail "$name: the answer with the $side's keys" "it cannot be read" "$out"
        done
    done
done

# The recipe: one file with the capture and its keys.
if command -v editcap >/dev/null; then
    dir=$work/${backends[0]}-1.3
    editcap --inject-secrets "tls,$dir/client.keys" "$dir/call.pcap" "$dir/call.pcapng" >"$out" 2>&1 ||
        fail "keys into the capture" "editcap fails" "$out"
    expect "the call in one file" 0 'Request-Line: REGISTER' dissect "$dir/call.pcapng"
fi

finish
