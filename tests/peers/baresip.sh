#!/usr/bin/env bash
# Debian's baresip (OpenSSL) as it comes, without our adapter, on both sides of siptls on each backend: it registers at
# `siptls serve`, and answers `siptls connect`; and what each side says to right and wrong certificates.
# shellcheck source=peers.bash
. "$(dirname "$0")/peers.bash"
# shellcheck source=../scripts/baresip.bash
. "$here/baresip.bash"

need baresip baresip-core
start_name_server
for certificate in server peer-both phone-other; do
    cat "$pki/$certificate.chain.pem" "$pki/$certificate.key" >"$work/$certificate.pem"
done

# baresip 1.0 looks at no certificate of a server, whatever its sip_cafile says: that is what this table tells. Later ones
# have sip_verify_server, which is off here, so that they do the same.
#
# What; certificate of siptls; TLS; baresip's CA; baresip's certificate; what it says; what siptls says
registered='alice@example\.test: .*200 OK \(siptls;REGISTER sip:alice@example\.test:[0-9]*: 200 OK, 1 contact'
cases="right;server;1.3;root;none;$registered
right, TLS 1.2;server;1.2;root;none;$registered
wrong CA: it accepts that;server;1.3;other-root;none;$registered
wrong name: it accepts that;wrong-domain;1.3;root;none;$registered
expired: it accepts that;expired;1.3;root;none;$registered
self-signed: it accepts that;self-signed;1.3;root;none;$registered
mutual;server;1.3;root;peer-both;$registered
mutual, no certificate;server;1.3;root;none;baresip is ready;#1 .* refused: .*certificate_required
mutual, another CA;server;1.3;root;phone-other;baresip is ready;#1 .* refused: .*unknown_ca"

for backend in "${backends[@]}"; do
    while IFS=';' read -r what certificate version ca own theirs ours; do
        options=() settings=()
        [ "${what#mutual}" = "$what" ] || options=(--client-ca "$pki/root.pem")
        [ "$own" = none ] || settings=("sip_certificate=$work/$own.pem")
        serve_as "$certificate" --tls "$version" "${options[@]}" || continue
        start_baresip "$(account example.test)" "sip_cafile=$pki/$ca.pem" sip_verify_server=no "${settings[@]}"
        saw "$backend, client: $what" "$theirs" "$phone_log" "$ours" "$server_log"
        kill_baresip
        stop "$server_pid"
    done <<<"$cases"
done

# As a server it is the same for every backend. It has no user of this name (the user part of its contact is its secret),
# so its answer is 404.
port=$(free_port 2)
start_baresip "alice@example.test;transport=tls;;regint=0" "sip_listen=127.0.0.1:$port" \
    "sip_certificate=$work/server.pem"
wait_for 'baresip is ready' "$phone_log" || fail "baresip as a server" "it is not ready" "$phone_log"

# refused: connections that baresip says were not completed.
refused() {
    grep -c 'tls: accept error' "$phone_log"
}

for backend in "${backends[@]}"; do
    connect=("$tool" connect --backend "$backend" --address "127.0.0.1:$((port + 1))")
    expect "$backend, server: right" 5 'OPTIONS +404 Not Found' "${connect[@]}" --ca "$pki/root.pem" \
        sips:alice@example.test
    before=$(refused)
    expect "$backend, server: wrong CA" 4 ': no trusted CA issued it: .*"CN=root"' "${connect[@]}" \
        --ca "$pki/other-root.pem" sips:example.test
    expect "$backend, server: wrong name" 4 ': the certificate is for .*, not for "other\.example"' "${connect[@]}" \
        --ca "$pki/root.pem" sips:other.example
    for ((tries = 0; tries < 100 && $(refused) < before + 2; tries++)); do
        sleep 0.05
    done
    if [ "$(refused)" = $((before + 2)) ]; then pass "$backend, server: baresip knows of both"; else
        fail "$backend, server: baresip knows of both" "it says so $(($(refused) - before)) times" "$phone_log"
    fi
done
kill_baresip

finish
