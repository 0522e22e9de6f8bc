#!/usr/bin/env bash
# SIPp, which has no TLS of its own, on both sides of `siptls proxy` on each backend:
#     SIPp - TCP - Kamailio - TLS - siptls proxy - TCP - SIPp           whole calls; Kamailio is TLS client
#     SIPp - TCP - Kamailio - TLS - siptls proxy - TLS - Kamailio       OPTIONS; Kamailio is TLS client, and TLS server
# shellcheck source=peers.bash
. "$(dirname "$0")/peers.bash"
# shellcheck source=../scripts/kamailio.bash
. "$here/kamailio.bash"

need sipp sip-tester
need kamailio kamailio
calls=300

# start_proxy NAME ARGUMENT...: `siptls proxy` on the port that the first Kamailio sends to.
start_proxy() {
    proxy_log=$work/$1.proxy
    "$tool" proxy --listen "127.0.0.1:$proxy_port" --backend "$backend" --cert "$pki/server.chain.pem" \
        --key "$pki/server.key" "${@:2}" >"$proxy_log" 2>&1 &
    proxy=$!
    pids+=("$proxy")
    wait_for '^listening on ' "$proxy_log" || fail "$1" "siptls proxy does not listen" "$proxy_log"
}

# sipp_calls NAME ARGUMENT...: so many calls to the first Kamailio, each of which must be answered.
sipp_calls() {
    local name=$1 status
    shift
    (cd "$work" && exec timeout 120 sipp "$@" -t t1 -i 127.0.0.1 -p "$(free_port)" -m $calls -r 100 -nostdin -trace_err \
        -error_file "$work/sipp.errors" "127.0.0.1:$tcp_port") >"$out" 2>&1 </dev/null
    status=$?
    if [ $status != 0 ]; then
        fail "$name" "sipp's exit code is $status. It, then its errors, siptls proxy and Kamailio:" "$out"
        tail -n 5 "$work/sipp.errors" "$proxy_log" "$work/first/log" | sed 's/^/      > /'
    elif ! grep -Eq "Successful call +\| +[0-9]+ +\| +$calls " "$out"; then
        fail "$name" "not all $calls succeeded" "$out"
    else
        pass "$name"
    fi
}

# stop_proxy NAME: it ends well, and has carried something both ways.
stop_proxy() {
    if stop "$proxy"; then pass "$1: siptls proxy ends well"; else
        fail "$1: siptls proxy ends well" "it does not" "$proxy_log"
    fi
}

proxy_port=$(free_port)
tcp_port=$(free_port)
# shellcheck disable=SC2034 # for start_kamailio
{
    kamailio_listen="listen=tcp:127.0.0.1:$tcp_port"
    kamailio_route="
  \$du = \"sip:127.0.0.1:$proxy_port;transport=tls\";
  forward();
  exit;"
}
start_kamailio first no TLSv1.2+ || finish
# shellcheck disable=SC2034
kamailio_listen='' kamailio_route=''
start_kamailio second no TLSv1.2+ || finish
second=$server

uas_port=$(free_port)
(cd "$work" && exec sipp -sn uas -t t1 -i 127.0.0.1 -p "$uas_port" -nostdin) >"$work/uas" 2>&1 </dev/null &
pids+=($!)
cat >"$work/options.xml" <<'END_XML'
<?xml version="1.0" encoding="UTF-8" ?>
<scenario name="OPTIONS">
<send><![CDATA[

OPTIONS sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:sipp@[local_ip]>;tag=[call_number]
To: <sip:[service]@[remote_ip]>
Call-ID: [call_id]
CSeq: 1 OPTIONS
Content-Length: 0

]]></send>
<recv response="200" timeout="20000"></recv>
</scenario>
END_XML

for backend in "${backends[@]}"; do
    start_proxy "calls-$backend" --to "127.0.0.1:$uas_port"
    sipp_calls "$backend: $calls calls, to SIPp" -sn uac
    stop_proxy "$backend: calls"

    start_proxy "options-$backend" --to-tls sips:example.test --to-address "$second" --to-ca "$pki/root.pem"
    before=$(grep -c 'OPTIONS tls TLSv1' "$work/second/log")
    sipp_calls "$backend: $calls OPTIONS, to Kamailio" -sf "$work/options.xml"
    after=$(grep -c 'OPTIONS tls TLSv1' "$work/second/log")
    if [ $((after - before)) = $calls ]; then pass "$backend: Kamailio has seen $calls"; else
        fail "$backend: Kamailio has seen $calls" "it has seen $((after - before))" "$work/second/log"
    fi
    stop_proxy "$backend: OPTIONS"
done

finish
