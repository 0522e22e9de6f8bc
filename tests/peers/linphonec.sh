#!/usr/bin/env bash
# linphonec (belle-sip on mbedTLS 2.28) registers at `siptls serve` on each backend: what each side says to right and wrong
# certificates.
# shellcheck source=peers.bash
. "$(dirname "$0")/peers.bash"

need linphonec linphone-cli

# What; certificate; CA; whether the name counts; what linphonec says; what siptls says. linphonec is told of "localhost",
# which it can look up without a name server; that is no name of the certificate "server". Where the
# name does not count, it still tells of it.
cases='right;localhost;root;1;\[LinphoneRegistrationOk\];REGISTER sip:alice@example\.test: 200 OK, 1 contact
wrong CA;localhost;other-root;1;flags=\[not-trusted \];alert unknown_ca
wrong name;server;root;1;flags=\[CN-mismatch \];alert bad_certificate
wrong name, which does not count;server;root;0;\[LinphoneRegistrationOk\];REGISTER sip:alice@example\.test: 200 OK, 1 contact
expired;expired;root;0;flags=\[expired CN-mismatch \];alert certificate_expired
self-signed;self-signed;root;0;flags=\[CN-mismatch not-trusted \];#1 .* refused: .*alert'

phone=$work/linphone
mkdir -p "$phone/.local/share/linphone" "$phone/.config/linphone"

# register CA NAME-COUNTS: until that has succeeded or failed; its log in $phone/log.
register() {
    rm -f "$phone/log"
    cat >"$phone/rc" <<END_RC
[sip]
sip_port=0
sip_tcp_port=0
sip_tls_port=-1
root_ca=$pki/$1.pem
verify_server_certs=1
verify_server_cn=$2
default_proxy=0
media_encryption=none
[net]
stun_server=
[proxy_0]
reg_proxy=<sip:localhost:${server##*:};transport=tls>
reg_identity=sip:alice@example.test
reg_expires=600
reg_sendregister=1
END_RC
    {
        wait_for '\[LinphoneRegistration(Ok|Failed)\]' "$phone/log"
        echo quit
    } | HOME=$phone timeout 60 linphonec -c "$phone/rc" -d 6 -l "$phone/log" >"$out" 2>&1
}

for backend in "${backends[@]}"; do
    while IFS=';' read -r what certificate ca counts theirs ours; do
        serve_as "$certificate" || continue
        register "$ca" "$counts"
        saw "$backend: $what" "$theirs" "$phone/log" "$ours" "$server_log"
        if [ "${theirs#*RegistrationOk}" != "$theirs" ]; then
            saw "$backend: $what: TLS 1.2" 'SSL version is \[TLSv1\.2\]' "$phone/log" 'TLS 1\.2' "$server_log"
        elif grep -q REGISTER "$server_log"; then
            fail "$backend: $what: nothing was sent" "it was" "$server_log"
        else
            pass "$backend: $what: nothing was sent"
        fi
        stop "$server_pid"
    done <<<"$cases"
done

finish
