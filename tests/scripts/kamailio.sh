#!/usr/bin/env bash
# A real SIP server: `siptls connect` gets 200 OK from Debian's Kamailio, on each backend, and refuses it if it is not
# who it should be.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

[ -x "$tool" ] || skip_all "$tool is not built"
if ! command -v kamailio >/dev/null; then
    [ "${SIPTLS_PEERS:-}" != 1 ] || { echo "kamailio should be installed, and is not"; exit 1; }
    skip_all "kamailio is not installed (./check --peers installs it)"
fi

free_port() {
    python3 -c '
import socket
while True:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    if port >= 15000:
        print(port)
        break'
}

# start_kamailio NAME REQUIRE-CERTIFICATE METHOD: its address in $server.
start_kamailio() {
    local dir=$work/$1 port
    port=$(free_port)
    mkdir "$dir"
    cat >"$dir/tls.cfg" <<END
[server:default]
method = $3
verify_certificate = $2
require_certificate = $2
private_key = $pki/server.key
certificate = $pki/server.chain.pem
ca_list = $pki/root.pem
[client:default]
method = TLSv1.2+
END
    cat >"$dir/kamailio.cfg" <<END
#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=1
tcp_children=2
enable_tls=yes
listen=tls:127.0.0.1:$port
loadmodule "tls.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "xlog.so"
modparam("tls", "config", "$dir/tls.cfg")
request_route {
  xlog("L_NOTICE", "\$rm \$proto \$tls_version \$tls_cipher_info verified=\$tls_peer_verified\n");
  sl_send_reply("200", "OK");
  exit;
}
END
    kamailio -f "$dir/kamailio.cfg" -DD -E -P "$dir/kamailio.pid" -Y "$dir" -w "$dir" -m 32 -M 8 \
        >"$dir/log" 2>&1 &
    pids+=($!)
    server=127.0.0.1:$port
    local tries
    for ((tries = 0; tries < 200; tries++)); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return 0
        sleep 0.1
    done
    fail "$1" "kamailio does not listen" "$dir/log"
    return 1
}

# for_each FUNCTION: once for each backend and version.
for_each() {
    local backend version
    for backend in "${backends[@]}"; do
        for version in 1.2 1.3; do
            "$1" "$backend, TLS $version" "$tool" connect --backend "$backend" --tls "$version" --address "$server"
        done
    done
}

# shellcheck disable=SC2317 # for_each calls it
open_server() {
    local name=$1
    shift
    expect "$name: OPTIONS" 0 'OPTIONS +200' "$@" --ca "$pki/root.pem" --register alice --keepalive sips:example.test
    expect "$name: wrong domain" 4 'other\.example' "$@" --ca "$pki/root.pem" sips:other.example
    expect "$name: unknown CA" 4 'unknown_ca' "$@" --ca "$pki/other-root.pem" sips:example.test
}

# shellcheck disable=SC2317 # for_each calls it
mutual_server() {
    local name=$1
    shift
    expect "$name: client certificate" 0 'OPTIONS +200' "$@" --ca "$pki/root.pem" --cert "$pki/phone.chain.pem" \
        --key "$pki/phone.key" sips:example.test
    expect "$name: no client certificate" 3 'siptls connect: ' "$@" --ca "$pki/root.pem" sips:example.test
}

if start_kamailio open no TLSv1.2+; then
    for_each open_server
fi
if start_kamailio mutual yes TLSv1.2+; then
    for_each mutual_server
    if grep -q 'verified=1' "$work/mutual/log"; then pass "kamailio verified our certificate"; else
        fail "kamailio verified our certificate" "it does not say so" "$work/mutual/log"
    fi
fi

finish
