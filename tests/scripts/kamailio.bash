# shellcheck shell=bash
# Debian's Kamailio as a server that answers every request with 200. Sourced after lib.bash.

# start_kamailio NAME REQUIRE-CERTIFICATE METHOD [TCP-PROCESSES]: its address in $server.
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
tcp_children=${4:-2}
tcp_rd_buf_size=131072
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
