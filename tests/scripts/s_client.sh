#!/usr/bin/env bash
# A foreign client: openssl s_client, with a phone's certificate, registers at `siptls serve` on each backend; and is
# refused without one.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

[ -x "$tool" ] || skip_all "$tool is not built"
command -v openssl >/dev/null || skip_all "the openssl command is not installed"

write_register() {
    printf '%s\r\n' "REGISTER sips:example.test SIP/2.0" "Via: SIP/2.0/TLS 127.0.0.1:15099;branch=z9hG4bKfoo;rport" \
        "Max-Forwards: 70" "From: <sips:alice@example.test>;tag=1" "To: <sips:alice@example.test>" \
        "Call-ID: s_client-1" "CSeq: 1 REGISTER" "Contact: <sips:alice@127.0.0.1:15099>;expires=90" \
        "Content-Length: 0" ""
}

# s_client OPTION...: sends REGISTER and a ping, and prints what comes until there is an answer or an alert.
s_client() {
    : >"$out"
    # shellcheck disable=SC2094 # it is read while it is written
    {
        write_register
        printf '\r\n\r\n'
        wait_for '^SIP/2.0|alert|rror' "$out"
        sleep 0.3
    } | timeout 20 openssl s_client -quiet -nocommands -no_ign_eof -connect "$server" -servername example.test \
        -CAfile "$pki/root.pem" -verify_return_error "$@" >"$out" 2>&1
}

for backend in "${backends[@]}"; do
    start_server --backend "$backend" --cert "$pki/server.chain.pem" --key "$pki/server.key" \
        --client-ca "$pki/root.pem" || continue
    for version in 1_2 1_3; do
        name="$backend, TLS ${version/_/.}"
        s_client -tls$version -cert "$pki/phone.pem" -cert_chain "$pki/phone.chain.pem" -key "$pki/phone.key"
        if grep -q '^SIP/2.0 200 OK' "$out" &&
            grep -q '^Contact: <sips:alice@127.0.0.1:15099>;expires=90' "$out" &&
            grep -Eq '^Via: .*;rport=[0-9]+;received=127.0.0.1' "$out"; then
            pass "$name: registered"
        else
            fail "$name: registered" "no such answer" "$out"
        fi
        s_client -tls$version
        if grep -q '^SIP/2.0' "$out"; then
            fail "$name: refused without certificate" "it was answered" "$out"
        elif grep -Eiq 'alert (certificate required|handshake failure|bad certificate)|alert number (116|40|42)' "$out"
        then
            pass "$name: refused without certificate"
        else
            fail "$name: refused without certificate" "no alert that says so" "$out"
        fi
    done
    if [ "$(grep -c ' keep-alive' "$server_log")" -ge 2 ]; then pass "$backend: keep-alives"; else
        fail "$backend: keep-alives" "they were not answered" "$server_log"
    fi
    stop "$server_pid"
done

finish
