#!/usr/bin/env bash
# No secret is in what `siptls serve` and `siptls proxy` print, on each backend: calls through the proxy to the server, what
# fails, and reloads with files that are damaged; then all that was printed is searched for private keys, their password,
# what seals tickets, what a key log holds, and what was said. Promise P9 of SECURITY.md.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

[ -x "$tool" ] || skip_all "$tool is not built"
[ "$(uname)" = Linux ] || skip_all "siptls proxy needs Linux"
command -v openssl >/dev/null || skip_all "the openssl command is not installed"

# The first line and the place of a request are the server's to tell; nothing else of it is.
said=(Vi4-br4nch fr0m-t4g c4ll-1d-0f-it r3sp0nse-0f-digest b0dy-0f-it gr33ting-in-clear)
request() {
    printf '%s\r\n' "OPTIONS sips:example.test SIP/2.0" "Via: SIP/2.0/TLS 127.0.0.1:15099;branch=z9hG4bK${said[0]};rport" \
        "Max-Forwards: 70" "From: <sips:alice@example.test>;tag=${said[1]}" "To: <sips:example.test>" \
        "Call-ID: ${said[2]}" "CSeq: 1 OPTIONS" "Authorization: Digest username=\"alice\", response=\"${said[3]}\"" \
        "Content-Type: text/plain" "Content-Length: ${#said[4]}" ""
    printf '%s' "${said[4]}"
}

# call NAME OPTION...: through the proxy, and is answered.
call() {
    local name=$1
    shift
    : >"$out"
    # shellcheck disable=SC2094 # it is read while it is written
    {
        request
        wait_for 'SIP/2.0 200 OK|alert' "$out"
    } | timeout 20 openssl s_client -nocommands -no_ign_eof -connect "$proxy" -servername example.test \
        -CAfile "$pki/root.pem" -cert "$pki/phone.pem" -cert_chain "$pki/phone.chain.pem" -key "$pki/phone.key" \
        -keylogfile "$keys" "$@" >"$out" 2>&1
    if grep -q 'SIP/2.0 200 OK' "$out"; then pass "$name"; else fail "$name" "no answer" "$out"; fi
}

# Speaks without TLS, or breaks off, or sends a record that is not one.
misbehave() {
    local bytes
    for bytes in \
        "OPTIONS sips:example.test SIP/2.0\r\nCall-ID: ${said[5]}\r\n\r\n" '\x16\x03\x01\x02' '\x16\x03\x01\x00\x04abcd'; do
        exec 7<>"/dev/tcp/${1%:*}/${1##*:}" && printf '%b' "$bytes" >&7
        exec 7>&-
    done
}

start_proxy() {
    proxy_log=$work/proxy-$backend-$shape.log
    "$tool" proxy --listen 127.0.0.1:0 --to-tls sips:example.test --to-address "$server" --to-ca "$pki/root.pem" "$@" \
        >"$proxy_log" 2>&1 &
    proxy_pid=$!
    pids+=("$proxy_pid")
    if ! wait_for 'listening' "$proxy_log"; then
        fail "$backend: the proxy" "it does not listen" "$proxy_log"
        return 1
    fi
    proxy=$(sed -En 's/^listening on //p' "$proxy_log")
}

# said_again NAME PATTERN LOG PID: SIGHUP, and its log says it once more.
said_again() {
    local before tries
    before=$(grep -Ec -e "$2" "$3")
    kill -HUP "$4"
    for ((tries = 0; tries < 400; tries++)); do
        if [ "$(grep -Ec -e "$2" "$3")" -gt "$before" ]; then
            pass "$1"
            return
        fi
        sleep 0.05
    done
    fail "$1" "it does not say \"$2\"" "$3"
}

# reload NAME PATTERN: both.
reload() {
    said_again "$1, the server" "$2" "$server_log" "$server_pid"
    said_again "$1, the proxy" "$2" "$proxy_log" "$proxy_pid"
}

fresh_files() {
    cp "$pki/server.key.umlaut.pem" "$files/key.pem"
    printf 'pässwört €\n' >"$files/password"
    cp "$work/ring" "$files/ring"
    chmod 600 "$files"/*
}

# What the files hold, and the key log, one a line; the halves of a line of hexadecimal digits, too.
write_secrets() {
    {
        sed '/^-/d' "$pki/server.key" "$pki/server.key.umlaut.pem" "$pki/phone.key" # lines of base64
        printf '%s\n' 'pässwört' 'wr0ng-w0rd' "${said[@]}"
        sed -E 's/^(.{32})(.*)$/\1\n\2/' "$work/ring"
        cut -d' ' -f3 "$keys" "$files/keylog" | sed -E 's/^(.{32})(.{32}).*$/\1\n\2/'
    } | awk 'length >= 8' | sort -u >"$work/secrets"
}

# no_secret NAME FILE
no_secret() {
    if grep -Fqi -f "$work/secrets" "$2"; then
        fail "$1 [P9]" "it says $(grep -Foi -f "$work/secrets" "$2" | head -n 1)" <(grep -Fi -f "$work/secrets" "$2")
    else
        pass "$1 [P9]"
    fi
}

files=$work/files
mkdir "$files"
openssl rand -hex 32 >"$work/ring"
for backend in "${backends[@]}"; do
    for shape in text json; do
        keys=$work/keys
        rm -f "$keys" "$files/keylog"
        fresh_files
        common=(--backend "$backend" --cert "$pki/server.chain.pem" --key "$files/key.pem" --password-file "$files/password"
            --client-ca "$pki/root.pem" --verify optional --ticket-secrets "$files/ring")
        more=()
        [ "$shape" = text ] || more=(--json)
        start_server "${common[@]}" --keylog "$files/keylog" "${more[@]}" || continue
        start_proxy "${common[@]}" || continue
        for version in 1_2 1_3; do
            call "$backend, $shape: TLS $version" -tls"$version" -sess_out "$work/session"
            call "$backend, $shape: TLS $version again" -tls"$version" -sess_in "$work/session"
        done
        misbehave "$server"
        misbehave "$proxy"
        printf 'wr0ng-w0rd\n' >"$files/password"
        reload "$backend, $shape: a wrong password" 'not reloaded|reload: .*(stay|remain|keep)'
        fresh_files
        sed -i 's/.$//' "$files/ring" # one digit less
        reload "$backend, $shape: a ticket secret that is none" 'not reloaded|reload: .*(stay|remain|keep)'
        fresh_files
        sed -i '4s/^./-/' "$files/key.pem"
        reload "$backend, $shape: a damaged key" 'not reloaded|reload: .*(stay|remain|keep)'
        fresh_files
        reload "$backend, $shape: whole files" '^reloaded|"reloaded"|reload: done'
        kill -USR1 "$proxy_pid"
        stop "$proxy_pid"
        stop "$server_pid"
        write_secrets
        if [ "$(wc -l <"$work/secrets")" -gt 30 ] && grep -Fqi -f "$work/secrets" "$out"; then
            pass "$backend, $shape: there are secrets, and they would be found"
        else
            fail "$backend, $shape" "the search finds nothing in what a client has read" "$work/secrets"
        fi
        no_secret "$backend, $shape: what the server prints" "$server_log"
        no_secret "$backend, $shape: what the proxy prints" "$proxy_log"
    done
done

finish
