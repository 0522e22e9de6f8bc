#!/usr/bin/env bash
# sip-options (sofia-sip on OpenSSL) as a client of `siptls serve` on each backend: what each side says to right and wrong
# certificates.
# shellcheck source=peers.bash
. "$(dirname "$0")/peers.bash"

need sip-options sofia-sip-bin

# As Debian delivers it, it looks at no certificate, whatever its cafile.pem says: that is what this table tells. And of
# its own chain it sends the first certificate only: who wants it must have the intermediate.
#
# What; certificate of siptls; certificate of sip-options; its CA; whom siptls trusts; what it says; what siptls says
cases='right;server;none;root;;^SIP/2.0 200 OK;OPTIONS sips:127\.0\.0\.1:[0-9]*: 200
wrong CA: it accepts that;server;none;other-root;;^SIP/2.0 200 OK;OPTIONS sips:127\.0\.0\.1:[0-9]*: 200
wrong name: it accepts that;wrong-domain;none;root;;^SIP/2.0 200 OK;OPTIONS sips:127\.0\.0\.1:[0-9]*: 200
expired: it accepts that;expired;none;root;;^SIP/2.0 200 OK;OPTIONS sips:127\.0\.0\.1:[0-9]*: 200
mutual, the intermediate known;server;phone;root;root int;^SIP/2.0 200 OK;OPTIONS sips:127\.0\.0\.1:[0-9]*: 200
mutual, the intermediate not known;server;phone;root;root;alert unknown ca;#1 .* refused: .*unknown_ca
mutual, no certificate;server;none;root;root;alert certificate required;#1 .* refused: .*certificate_required
mutual, another CA;server;phone-other;root;root;alert unknown ca;#1 .* refused: .*unknown_ca'

for backend in "${backends[@]}"; do
    number=0
    while IFS=';' read -r what certificate own ca trusted theirs ours; do
        number=$((number + 1))
        home=$work/$backend$number
        mkdir -p "$home/.sip/auth"
        cp "$pki/$ca.pem" "$home/.sip/auth/cafile.pem"
        [ "$own" = none ] || cat "$pki/$own.chain.pem" "$pki/$own.key" >"$home/.sip/auth/agent.pem"
        options=()
        for anchor in $trusted; do
            options+=(--client-ca "$pki/$anchor.pem")
        done
        serve_as "$certificate" "${options[@]}" || continue
        HOME=$home timeout 20 sip-options --all -m "sips:127.0.0.1:$(free_port)" "sips:$server" >"$out" 2>&1 </dev/null
        saw "$backend: $what" "$theirs" "$out" "$ours" "$server_log"
        stop "$server_pid"
    done <<<"$cases"
done

finish
