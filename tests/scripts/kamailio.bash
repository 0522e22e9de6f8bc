# shellcheck shell=bash
# Debian's Kamailio as a registrar, which answers every other request with 200. Sourced after lib.bash.

# start_kamailio NAME REQUIRE-CERTIFICATE METHOD [TCP-PROCESSES [DOMAINS]]: its address in $server. DOMAINS are sections
# of its tls.cfg for names that clients ask for. Its folder $work/NAME holds its log, and cert.pem and cert.key, which
# may be replaced. $kamailio_listen and $kamailio_route are added to its configuration.
#
# Each of its TCP processes seals tickets with a key of its own: clients are sure to resume only if there is one.
start_kamailio() {
    local dir=$work/$1 port
    port=$(free_port)
    mkdir "$dir"
    cp "$pki/server.chain.pem" "$dir/cert.pem"
    cp "$pki/server.key" "$dir/cert.key"
    cat >"$dir/tls.cfg" <<END_TLS
[server:default]
method = $3
verify_certificate = $2
require_certificate = $2
private_key = $dir/cert.key
certificate = $dir/cert.pem
ca_list = $pki/root.pem
${5:-}
[client:default]
method = TLSv1.2+
verify_certificate = yes
require_certificate = yes
ca_list = $pki/root.pem
END_TLS
    cat >"$dir/kamailio.cfg" <<END_CFG
#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=1
tcp_children=${4:-2}
tcp_rd_buf_size=131072
enable_tls=yes
listen=tls:127.0.0.1:$port
${kamailio_listen:-}
loadmodule "tls.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "xlog.so"
loadmodule "ctl.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("tls", "config", "$dir/tls.cfg")
modparam("tls", "session_id", "siptls")
modparam("ctl", "binrpc", "unix:$dir/ctl")
request_route {
  xlog("L_NOTICE", "\$rm \$proto \$tls_version \$tls_cipher_info verified=\$tls_peer_verified \$tls_peer_subject_cn\n");
  ${kamailio_route:-}
  if (\$rm == "REGISTER") {
    save("location");
    exit;
  }
  sl_send_reply("200", "OK");
  exit;
}
END_CFG
    kamailio -f "$dir/kamailio.cfg" -DD -E -P "$dir/kamailio.pid" -Y "$dir" -w "$dir" -m 64 -M 8 \
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

# kamailio_command NAME COMMAND...: says it to that Kamailio.
kamailio_command() {
    timeout 20 kamcmd -s "unix:$work/$1/ctl" "${@:2}"
}
