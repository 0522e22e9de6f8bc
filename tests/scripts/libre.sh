#!/usr/bin/env bash
# The distribution's own baresip, with adapters/libre before its libre: it registers at `siptls serve` and at Kamailio
# on each backend, and sends nothing to a server that is not who it should be.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"
# shellcheck source=kamailio.bash
. "$here/kamailio.bash"
# shellcheck source=baresip.bash
. "$here/baresip.bash"

adapter=${SIPTLS_BUILD_DIR:-$source_dir/build/default}/adapters/libre/libsiptls-re.so
[ -x "$tool" ] || skip_all "$tool is not built"
for needed in baresip "$adapter"; do
    command -v "$needed" >/dev/null && continue
    [ "${SIPTLS_PEERS:-}" != 1 ] || { echo "$needed should be there, and is not"; exit 1; }
    skip_all "$needed is not there (./check --peers installs baresip-core and libre-dev)"
done

# A sanitizer's runtime must come first; what baresip itself leaves behind is not ours.
preload=$adapter
case ${SIPTLS_SANITIZE:-} in
*address*) preload="$(gcc -print-file-name=libasan.so) $adapter" ;;
esac
export ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0

# adapt: what is started from here on uses $backend.
adapt() {
    # shellcheck disable=SC2034 # for start_baresip
    baresip_environment=(SIPTLS_RE_BACKEND="$backend" LD_PRELOAD="$preload")
}

start_name_server
cat "$pki/server.chain.pem" "$pki/server.key" >"$work/server-both.pem"
cat "$pki/peer-both.chain.pem" "$pki/peer-both.key" >"$work/peer-both.pem"

# says NAME PATTERN [FILE]: waits until the phone (or the file) says so.
says() {
    local file=${3:-$phone_log}
    if wait_for "$2" "$file"; then pass "$1"; else fail "$1" "it does not say \"$2\"" "$file"; fi
}

# proxied DOMAIN: one that registers at $server, by way of an outbound proxy that is given by its address.
proxied() {
    printf '%s;outbound="sip:%s;transport=tls"' "$(account "$1")" "$server"
}

# refuses NAME SENTENCE: the phone says the sentence, and the server has seen no message of it.
refuses() {
    says "$1: refused" "siptls: .*$2"
    says "$1: baresip knows" 'Register: Protocol error'
    stop "$phone"
    wait_for '^#1 .* (refused|closed|cut off)' "$server_log"
    if grep -q REGISTER "$server_log"; then fail "$1: nothing was sent" "it was" "$server_log"; else
        pass "$1: nothing was sent"
    fi
}

registers() {
    says "$1: registered" '200 OK \(siptls'
    stop "$phone"
}

# server_with CERTIFICATE [OPTION...]: `siptls serve` of the same backend.
server_with() {
    local certificate=$1
    shift
    start_server --backend "$backend" --cert "$pki/$certificate.pem" --key "$pki/${certificate%.chain}.key" "$@"
}

as_client() {
    local ca=sip_cafile=$pki/root.pem
    server_with server.chain
    start_baresip "$(account example.test)" "$ca"
    says "$backend: DTLS-SRTP stays libre's" 'mediaenc: dtls_srtp'
    says "$backend: SAN named" 'verified: example\.test by SAN sip URI'
    registers "$backend"
    stop "$server_pid"

    server_with server.chain
    start_baresip "$(account example.test)" "sip_cafile=$pki/other-root.pem"
    refuses "$backend: wrong CA" 'no trusted CA issued it'
    stop "$server_pid"

    server_with server.chain
    start_baresip "$(account other.example)" "$ca"
    refuses "$backend: wrong name" 'not for "other\.example"'
    stop "$server_pid"

    server_with server.chain
    start_baresip "$(account example.test)"
    refuses "$backend: no CA" 'name a CA: sip_cafile, or SIPTLS_RE_CA'
    stop "$server_pid"

    server_with expired.chain
    start_baresip "$(account example.test)" "$ca"
    refuses "$backend: expired" 'expired'
    stop "$server_pid"

    server_with self-signed
    start_baresip "$(account example.test)" "$ca"
    refuses "$backend: self-signed" 'self-signed'
    stop "$server_pid"
}

as_client_with_settings() {
    local ca=SIPTLS_RE_CA=$pki/root.pem
    server_with server.chain
    start_baresip "$(proxied example.test)" "$ca"
    refuses "$backend: proxy by address" 'not for "127\.0\.0\.1"'
    stop "$server_pid"

    server_with server.chain
    start_baresip "$(proxied example.test)" "$ca" SIPTLS_RE_DOMAIN=example.test
    registers "$backend: proxy by address, SIPTLS_RE_DOMAIN"
    says "$backend: SIPTLS_RE_DOMAIN is asked for by SNI" 'for example\.test' "$server_log"
    stop "$server_pid"

    server_with server.chain
    start_baresip "$(account example.test)" "$ca" SIPTLS_RE_DOMAIN=other.example
    refuses "$backend: wrong SIPTLS_RE_DOMAIN" 'not for "other\.example"'
    stop "$server_pid"

    server_with self-signed
    start_baresip "$(account other.example)" SIPTLS_RE_VERIFY=none
    says "$backend: SIPTLS_RE_VERIFY=none warns" 'nobody checks who the servers are'
    registers "$backend: SIPTLS_RE_VERIFY=none"
    stop "$server_pid"

    printf '[sip]\ntolerate = expired\nmax-version = 1.2\n' >"$work/profiles.ini"
    server_with expired.chain
    start_baresip "$(account example.test)" "$ca" "SIPTLS_RE_PROFILES=$work/profiles.ini"
    says "$backend: SIPTLS_RE_PROFILES warns" 'profiles\.ini: \[sip\]: '
    registers "$backend: SIPTLS_RE_PROFILES tolerates"
    says "$backend: SIPTLS_RE_PROFILES sets the version" 'TLS 1\.2' "$server_log"
    stop "$server_pid"

    printf '[sip]\ntrust = all\n' >"$work/profiles.ini"
    server_with server.chain
    start_baresip "$(account example.test)" "$ca" "SIPTLS_RE_PROFILES=$work/profiles.ini"
    says "$backend: SIPTLS_RE_PROFILES with a setting that cannot be followed" 'trust = all needs a certificate store'
    stop "$phone"
    if grep -q REGISTER "$server_log"; then
        fail "$backend: SIPTLS_RE_PROFILES with such a setting: nothing was sent" "it was" "$server_log"
    else
        pass "$backend: SIPTLS_RE_PROFILES with such a setting: nothing was sent"
    fi
    stop "$server_pid"

    server_with server.chain --client-ca "$pki/root.pem"
    start_baresip "$(account example.test)" "$ca" "sip_certificate=$work/peer-both.pem"
    registers "$backend: shows its certificate"
    stop "$server_pid"
}

# libre reuses a connection by address; another domain behind it is another question.
second_domain() {
    server_with server.chain
    start_baresip "$(account example.test)" "sip_cafile=$pki/root.pem"
    printf '<sip:bob@other.example:%s;transport=tls>;auth_pass=x;regint=60\n' "${server##*:}" \
        >>"${phone_log%/*}/accounts"
    says "$backend: two domains, one address: the first" 'alice@example\.test: .*200 OK'
    says "$backend: two domains, one address: the second" 'not for "other\.example"'
    stop "$phone"
    if grep -q bob "$server_log"; then fail "$backend: two domains: nothing was sent" "it was" "$server_log"; else
        pass "$backend: two domains: nothing was sent"
    fi
    stop "$server_pid"
}

as_server() {
    local port
    port=$(free_port 2)
    start_baresip "alice@example.test;transport=tls;;regint=0" "sip_listen=127.0.0.1:$port" \
        "sip_certificate=$work/server-both.pem"
    says "$backend: ready" 'baresip is ready'
    server=127.0.0.1:$((port + 1))
    # It has no user of this name: the user part of its contact is its secret.
    expect "$backend: answers OPTIONS" 5 'OPTIONS +404 Not Found' "$tool" connect --ca "$pki/root.pem" --address "$server" \
        sips:alice@example.test
    expect "$backend: is known by its certificate" 4 'other\.example' "$tool" connect --ca "$pki/root.pem" \
        --address "$server" sips:other.example
    expect "$backend: shows its chain to openssl" 0 'Verify return code: 0 \(ok\)' openssl s_client \
        -connect "$server" -CAfile "$pki/root.pem"
    stop "$phone"

    start_baresip "alice@example.test;transport=tls;;regint=0" "sip_listen=127.0.0.1:$port"
    says "$backend: ready without certificate" 'baresip is ready'
    expect "$backend: serves nobody without certificate" 3 . "$tool" connect --ca "$pki/root.pem" \
        --address "$server" sips:example.test
    says "$backend: says so" 'siptls: incoming connections: .*credential'
    stop "$phone"
}

for backend in "${backends[@]}"; do
    adapt
    as_client
    as_client_with_settings
    second_domain
    as_server
done

if ! command -v kamailio >/dev/null; then
    skip "kamailio" "it is not installed"
elif start_kamailio open no TLSv1.2+; then
    for backend in "${backends[@]}"; do
        adapt
        start_baresip "$(account example.test)" "sip_cafile=$pki/root.pem"
        says "$backend: registered at kamailio" 'example\.test: .*200 OK'
        stop "$phone"
        start_baresip "$(account other.example)" "sip_cafile=$pki/root.pem"
        says "$backend: refuses kamailio as another" 'not for "other\.example"'
        stop "$phone"
    done
    if grep -q 'REGISTER.*other\.example' "$work/open/log"; then
        fail "kamailio got nothing for another" "it did" "$work/open/log"
    fi
fi

finish
