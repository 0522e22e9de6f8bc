#!/usr/bin/env bash
# Debian's Kamailio (OpenSSL) as the registrar of `siptls connect` on each backend: who it is, who we are, two domains
# behind one address, and new certificates while calls go on.
# shellcheck source=peers.bash
. "$(dirname "$0")/peers.bash"
# shellcheck source=../scripts/kamailio.bash
. "$here/kamailio.bash"

need kamailio kamailio
need kamcmd kamailio

# for_each FUNCTION: once for each backend and version; what a function gets is a name, and the command.
for_each() {
    local version
    for backend in "${backends[@]}"; do
        for version in 1.2 1.3; do
            "$1" "$backend, TLS $version" "$tool" connect --backend "$backend" --tls "$version" --address "$server" \
                --ca "$pki/root.pem"
        done
    done
}

# both NAME EXIT-CODE OURS KAMAILIOS COMMAND...: the command's exit code and a line of it, and a line that Kamailio wrote
# meanwhile.
both() {
    local name=$1 code=$2 ours=$3 theirs=$4 status before
    shift 4
    before=$(wc -l <"$log")
    timeout 60 "$@" >"$out" 2>&1 </dev/null
    status=$?
    tail -n "+$((before + 1))" -f "$log" >"$work/theirs" &
    local follower=$!
    if [ $status = "$code" ]; then
        saw "$name" "$theirs" "$work/theirs" "$ours" "$out"
    else
        fail "$name" "exit code $status, expected $code. Kamailio, then siptls:" "$work/theirs"
        tail -n 15 "$out" | sed 's/^/      > /'
    fi
    kill $follower
    wait $follower 2>/dev/null
}

# shellcheck disable=SC2317 # for_each calls them
{
    open_server() {
        local name=$1
        shift
        both "$name: REGISTER and OPTIONS" 0 'OPTIONS +200' 'OPTIONS tls TLSv1\.[23] ' \
            "$@" --register "alice-$backend" --keepalive sips:example.test
        expect "$name: wrong domain" 4 'other\.example' "$@" sips:other.example
        both "$name: unknown CA" 4 'unknown_ca' 'alert unknown ca' "${@:1:8}" --ca "$pki/other-root.pem" \
            sips:example.test
    }

    mutual_server() {
        local name=$1
        shift
        both "$name: our certificate" 0 'OPTIONS +200' 'OPTIONS .* verified=1 phone' \
            "$@" --cert "$pki/phone.chain.pem" --key "$pki/phone.key" sips:example.test
        both "$name: no certificate" 3 'certificate_required|handshake_failure' 'peer did not return a certificate' \
            "$@" sips:example.test
        both "$name: a self-signed certificate" 3 'unknown_ca' 'certificate verify failed' \
            "$@" --cert "$pki/phone-self-signed.chain.pem" --key "$pki/phone-self-signed.key" sips:example.test
        both "$name: an expired certificate" 3 'certificate_expired' 'certificate verify failed' \
            "$@" --cert "$pki/phone-expired.chain.pem" --key "$pki/phone-expired.key" sips:example.test
    }

    # The second domain has another certificate, and asks for ours.
    two_domains() {
        local name=$1
        shift
        both "$name: the first domain" 0 'CN=server,' 'OPTIONS .* verified=0' "$@" sips:example.test
        expect "$name: the first domain is not another" 4 'other\.example' "$@" sips:other.example
        both "$name: the second domain, no certificate of ours" 3 'certificate_required|handshake_failure' \
            'peer did not return a certificate' "$@" sips:other.test
        both "$name: the second domain" 0 'CN=wrong-domain,' 'OPTIONS .* verified=1 phone' \
            "$@" --cert "$pki/phone.chain.pem" --key "$pki/phone.key" sips:other.test
    }
}

if start_kamailio open no TLSv1.2+; then
    log=$work/open/log
    for_each open_server
    for backend in "${backends[@]}"; do
        expect "Kamailio has registered alice-$backend" 0 "alice-$backend" kamailio_command open ul.dump
    done
fi

if start_kamailio mutual yes TLSv1.2+; then
    log=$work/mutual/log
    for_each mutual_server
fi

if start_kamailio domains no TLSv1.2+ 2 "[server:any]
server_name = other.test
method = TLSv1.2+
verify_certificate = yes
require_certificate = yes
private_key = $pki/wrong-domain.key
certificate = $pki/wrong-domain.chain.pem
ca_list = $pki/root.pem"; then
    log=$work/domains/log
    for_each two_domains
fi

# --- new certificates under traffic

# A connection that lasts: openssl s_client says what comes through a pipe, and `siptls proxy` carries it to Kamailio over
# a TLS connection of the backend.
start_call() {
    "$tool" proxy --listen 127.0.0.1:0 --cert "$pki/server.chain.pem" --key "$pki/server.key" --backend "$backend" \
        --to-tls sips:example.test --to-address "$server" --to-ca "$pki/root.pem" >"$work/proxy" 2>&1 &
    proxy=$!
    pids+=("$proxy")
    wait_for '^listening on ' "$work/proxy" || fail "$backend: siptls proxy" "it does not listen" "$work/proxy"
    rm -f "$work/say"
    mkfifo "$work/say"
    timeout 300 openssl s_client -quiet -connect "$(sed -n 's/^listening on //p' "$work/proxy")" \
        <"$work/say" >"$work/heard" 2>&1 &
    call=$!
    pids+=("$call")
    exec {say}>"$work/say"
    said=0
}

still_there() {
    said=$((said + 1))
    # shellcheck disable=SC2261 # $say is a number: one redirection for each
    printf '%s\r\n' "OPTIONS sips:example.test SIP/2.0" "Via: SIP/2.0/TLS 127.0.0.1;branch=z9hG4bK$said;rport" \
        "From: <sips:a@example.test>;tag=1" "To: <sips:example.test>" "Call-ID: lasting" "CSeq: $said OPTIONS" \
        "Max-Forwards: 70" "Content-Length: 0" "" >&"$say" 2>"$work/said"
    if wait_for "^CSeq: $said OPTIONS" "$work/heard"; then pass "$1"; else
        fail "$1" "the connection that lasts gets no answer" "$work/heard"
        tail -n 15 "$work/proxy" | sed 's/^/      > /'
    fi
}

# traffic: connections one after the other, until $work/enough is there; a line for each that was not answered.
traffic() {
    local count=0
    until [ -e "$work/enough" ]; do
        count=$((count + 1))
        flock "$work/reloading" "$@" --quiet sips:example.test 2>&1 ||
            { echo "connection $count: exit code $?"; sleep 0.1; }
    done
    echo "$count connections"
}

# alone_with_the_call: Kamailio has no connection but the one that lasts.
alone_with_the_call() {
    local tries
    for ((tries = 0; tries < 300; tries++)); do
        kamailio_command "$round" tls.info | grep -Eq 'opened_connections: 1$' && return
        sleep 0.1
    done
    return 1
}

# reload NAME: between two connections. The processes of Kamailio 5.6 share one error queue of OpenSSL's: a reload that
# meets a handshake reads its errors (and is refused), the handshake reads the reload's (and is dropped), and a reload
# after a refused one reads memory that Kamailio has freed.
reload() {
    {
        flock "$between"
        if alone_with_the_call && kamailio_command "$round" tls.reload >"$out" 2>&1 && grep -q 'Ok' "$out"; then
            pass "$1"
        else
            fail "$1" "Kamailio does not say \"Ok\"" "$out"
            kamailio_command "$round" tls.info
            tail -n 8 "$log" | sed 's/^/      | /'
        fi
    } {between}>"$work/reloading"
    exec {between}>&-
}

reload_under_traffic() {
    local connect generator between
    connect=("$tool" connect --backend "$backend" --address "$server" --ca "$pki/root.pem")
    rm -f "$work/enough"
    traffic "${connect[@]}" >"$work/traffic" &
    generator=$!
    pids+=("$generator")
    start_call
    still_there "$backend: a connection that lasts"
    expect "$backend: the first certificate" 0 'CN=server,' "${connect[@]}" sips:example.test
    cp "$pki/server-p384.chain.pem" "$work/$round/cert.pem"
    cp "$pki/server-p384.key" "$work/$round/cert.key"
    reload "$backend: tls.reload"
    expect "$backend: the new certificate" 0 'CN=server-p384,' "${connect[@]}" sips:example.test
    still_there "$backend: the old connection answers"
    cp "$pki/server.chain.pem" "$work/$round/cert.pem"
    cp "$pki/server.key" "$work/$round/cert.key"
    reload "$backend: tls.reload again"
    expect "$backend: the first certificate again" 0 'CN=server,' "${connect[@]}" sips:example.test
    still_there "$backend: the connection has outlived both"
    : >"$work/enough"
    wait "$generator"
    if grep -Eqx '[1-9][0-9]* connections' "$work/traffic" && ! grep -q 'exit code' "$work/traffic"; then
        pass "$backend: all connections before, between and after were answered"
    else
        fail "$backend: connections before, between and after" "not all were answered" "$work/traffic"
    fi
    exec {say}>&-
    stop "$call"
    stop "$proxy"
}

trap : PIPE # the call's end is seen by its answers
for backend in "${backends[@]}"; do
    round=reload-$backend
    start_kamailio "$round" no TLSv1.2+ || continue
    log=$work/$round/log
    reload_under_traffic
done

finish
