#!/usr/bin/env bash
# openssl s_server as the server of `siptls connect` on each backend and version: who it is, who we are, and what each
# side says of that. OPTIONS is answered here, for it.
# shellcheck source=peers.bash
. "$(dirname "$0")/peers.bash"

need openssl openssl

# What; certificate of s_server; whether it asks for ours; our CA; our certificate; domain; exit code; what s_server says;
# what siptls says. An alert of two kinds is that of TLS 1.2 and of TLS 1.3.
cases='right;server;no;root;none;example.test;0;^OPTIONS sips:example\.test SIP/2\.0;OPTIONS +200
wrong CA;server;no;other-root;none;example.test;4;SSL alert number 48$;: no trusted CA issued it: .*"CN=root"
wrong name;server;no;root;none;other.example;4;SSL alert number 42$;: the certificate is for .*, not for "other\.example"
expired;expired;no;root;none;example.test;4;SSL alert number 45$;: .*expired
self-signed;self-signed;no;root;none;example.test;4;SSL alert number 48$;: .*self-signed
mutual;server;yes;root;phone;example.test;0;^subject=.*CN ?= ?phone$;OPTIONS +200
mutual, no certificate;server;yes;root;none;example.test;3;peer did not return a certificate;(handshake_failure|certificate_required) \((40|116)\)
mutual, another CA;server;yes;root;phone-other;example.test;3;certificate verify failed;unknown_ca \(48\)'

# answer_options: 200 to every OPTIONS on stdin, which goes on to stdout. What s_server reads in one piece is one message.
answer_options() {
    local line headers=()
    while IFS= read -r line; do
        printf '%s\n' "${line%$'\r'}"
        case $line in
        Via:* | From:* | To:* | Call-ID:* | CSeq:*) headers+=("${line%$'\r'}") ;;
        $'\r')
            printf '%s\r\n' "SIP/2.0 200 OK" "${headers[@]}" "Content-Length: 0" "" >&"$say"
            headers=()
            ;;
        esac
    done
}

# start_s_server CERTIFICATE OPTION...: its address in $server, what it says in $peer_log, its pid in $server_pid.
start_s_server() {
    peer_log=$work/s_server
    : >"$peer_log"
    openssl s_server -accept 127.0.0.1:0 -cert "$pki/$1.pem" -cert_chain "$pki/int.pem" -key "$pki/$1.key" \
        -CAfile "$pki/root.pem" -verify_return_error "${@:2}" <&"$say" > >(answer_options >>"$peer_log") 2>&1 &
    server_pid=$!
    pids+=("$server_pid")
    if ! wait_for '^ACCEPT ' "$peer_log"; then
        fail "start of s_server" "it does not listen: $*" "$peer_log"
        return 1
    fi
    server=$(sed -n 's/^ACCEPT //p' "$peer_log")
}

mkfifo "$work/say"
exec {say}<>"$work/say"

for backend in "${backends[@]}"; do
    for version in 1.2 1.3; do
        while IFS=';' read -r what certificate mutual ca own domain code theirs ours; do
            asking=() showing=()
            [ "$mutual" = no ] || asking=(-Verify 2)
            [ "$own" = none ] || showing=(--cert "$pki/$own.chain.pem" --key "$pki/$own.key")
            start_s_server "$certificate" "-tls${version/./_}" "${asking[@]}" || continue
            expect "$backend, TLS $version: $what" "$code" "$ours" "$tool" connect --backend "$backend" \
                --tls "$version" --address "$server" --ca "$pki/$ca.pem" "${showing[@]}" "sips:$domain"
            if wait_for "$theirs" "$peer_log"; then pass "$backend, TLS $version: $what: s_server"; else
                fail "$backend, TLS $version: $what: s_server" "it does not say \"$theirs\"" "$peer_log"
            fi
            stop "$server_pid"
        done <<<"$cases"
    done
done

finish
