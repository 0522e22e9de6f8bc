#!/usr/bin/env bash
# The siptls command, every subcommand: exit codes, sentences, and what an operator sees.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

[ -x "$tool" ] || skip_all "$tool is not built"

is_json() {
    { "$@" 2>&1 </dev/null || true; } | python3 -c '
import json, sys
lines = [json.loads(line) for line in sys.stdin]
sys.exit(not lines)'
}

# expect_json NAME COMMAND...: every line of stdout is a JSON value.
expect_json() {
    local name=$1
    shift
    if is_json "$@"; then pass "$name"; else fail "$name" "this is no JSON: $*"; fi
}

# odd_peer MODE: starts one, as start_server does.
odd_peer() {
    servers=$((servers + 1))
    local log=$work/odd$servers.log
    python3 "$here/odd-peer.py" "$1" "$pki/server.chain.pem" "$pki/server.key" >"$log" 2>&1 &
    pids+=($!)
    wait_for '^listening on ' "$log" || fail "odd peer" "it does not listen" "$log"
    server=$(sed -n 's/^listening on //p' "$log")
}

call() {
    timeout 60 "$tool" connect --ca "$pki/root.pem" --address "$server" "$@"
}

# --- what every command has

expect "no command" 1 '^usage: siptls COMMAND' "$tool"
expect "--help" 0 '^usage: siptls COMMAND' "$tool" --help
expect "--version" 0 '^siptls [0-9]+\.[0-9]+\.[0-9]+$' "$tool" --version
expect "unknown command" 1 'no command "dance"' "$tool" dance
for command in backends connect proxy serve verify; do
    expect "$command --help" 0 '^usage: siptls' "$tool" $command --help
    expect "$command --help tells exit codes" 0 '^Exit codes:' "$tool" $command --help
    expect "$command: unknown option" 1 "siptls $command: unrecognized option" "$tool" $command --dance
done
expect "connect: unknown backend" 1 'no backend "rustls"; this build has ' \
    "$tool" connect --backend rustls sips:example.test

# --- backends

for backend in "${backends[@]}"; do
    expect "backends lists $backend" 0 "$backend" "$tool" backends
done
expect "backends --all lists suites" 0 '^TLS_AES_128_GCM_SHA256 +on' "$tool" backends --all
expect_json "backends --json" "$tool" backends --json
expect "backends --presets" 0 "^MODERN: cipher suites .*${backends[0]}" "$tool" backends --presets
expect_json "backends --presets --json" "$tool" backends --presets --json
expect "backends --all --presets" 1 "not both" "$tool" backends --all --presets

# --- connect, when all is well

start_server --cert "$pki/server.chain.pem" --key "$pki/server.key"
expect "connect tells a secure connection" 0 '^\[secure\] example\.test at 127\.0\.0\.1:[0-9]+' \
    call --register alice --keepalive sips:example.test
for pattern in 'protocol +TLS 1\.3' 'cipher suite +TLS_' 'subject +O=siptls tests, CN=server|subject +CN=server' \
    'SHA-256 +([0-9A-F]{2}:){15}[0-9A-F]{2}$' 'days left' 'REGISTER +200 OK' 'Contact: <sips:alice@127' 'OPTIONS +200 OK' \
    'keep-alive +answered' 'closed +cleanly'; do
    if grep -Eq -e "$pattern" "$out"; then pass "connect tells: $pattern"; else
        fail "connect tells: $pattern" "it does not" "$out"
    fi
done
expect "connect by sip:...;transport=tls" 0 'OPTIONS +200' call 'sip:bob@example.test;transport=tls'
expect "connect by host alone" 0 'OPTIONS +200' call example.test
expect "connect with --domain" 0 '^\[secure\] example.test' call --domain example.test sips:sip7.example.test
expect "connect --tls 1.2" 0 'TLS 1\.2' call --tls 1.2 sips:example.test
expect "connect with one suite" 0 'TLS_AES_256_GCM_SHA384' \
    call --tls 1.3 --suites TLS_AES_256_GCM_SHA384 sips:example.test
# The eleventh contact of a user is too many.
# shellcheck disable=SC2317 # it is called through expect
without() { # REDIRECTION
    timeout 60 bash -c "exec \"\$@\" $1" - "$tool" connect --ca "$pki/root.pem" --address "$server" --register bob \
        --reconnect 12 sips:example.test
}
expect "connect without stdout" 1 'cannot write the output: Bad file' without '>&-'
expect "connect without stdin and stdout" 1 'cannot write the output: Bad file' without '<&- >&-'
expect "connect without stderr" 5 'resumed +12' without '2>&-'
if grep -q 'failed' "$server_log"; then fail "what is printed is not sent" "it is" "$server_log"; else
    pass "what is printed is not sent"
fi
expect_json "connect --json" call --json --register alice --keepalive sips:example.test
expect "connect --json tells the verdict" 0 '"secure":true.*"exit":0' call --json sips:example.test
if call --quiet sips:example.test >"$out" 2>&1 && [ ! -s "$out" ]; then pass "--quiet is quiet"; else
    fail "--quiet is quiet" "it is not" "$out"
fi

# --- connect, when the server is not who it should be

expect "wrong SIP domain" 4 'other\.example' call sips:other.example
expect "wrong SIP domain: SIP's answer" 4 '503 Service Unavailable; try again later: no' call sips:other.example
expect "wrong SIP domain, tolerated, is not secure" 0 '^\[not secure\]' \
    call --tolerate name-mismatch sips:other.example
expect "unknown CA" 4 'alert sent +unknown_ca' "$tool" connect --ca "$pki/other-root.pem" --address "$server" \
    sips:example.test
wrong_ca=("$tool" connect --json --ca "$pki/other-root.pem" --address "$server" sips:example.test)
expect "unknown CA, as JSON" 4 '"error":.*"exit":4}$' "${wrong_ca[@]}"
expect_json "unknown CA, as nothing but JSON" "${wrong_ca[@]}"
expect "--insecure says so" 0 'NOT looked at' "$tool" connect --insecure --address "$server" sips:example.test
expect "--insecure is not secure" 0 '^\[not secure\]' "$tool" connect --insecure --address "$server" \
    sips:example.test
# Nobody is there whose end would give a descriptor back.
cpu_ticks() { cut -d' ' -f14,15 "/proc/$server_pid/stat" | tr ' ' '+'; }
limit=$(prlimit --noheadings --output SOFT --pid "$server_pid" --nofile)
prlimit --pid "$server_pid" --nofile=3:
exec {waiting}<>"/dev/tcp/${server/://}"
sleep 0.2
before=$(cpu_ticks)
sleep 2
ticks=$(($(cpu_ticks) - (before)))
if ((ticks * 5 < $(getconf CLK_TCK))); then pass "serve waits for a descriptor"; else
    fail "serve waits for a descriptor" "it turns without a pause: $ticks ticks in two seconds"
fi
prlimit --pid "$server_pid" --nofile="${limit// /}:"
expect "and goes on when there is one" 0 'OPTIONS +200' call sips:example.test
exec {waiting}>&-
if stop "$server_pid"; then pass "SIGTERM ends serve well"; else fail "SIGTERM ends serve well" "it does not"; fi

start_server --cert "$pki/expired.chain.pem" --key "$pki/expired.key"
expect "expired" 4 'expired' call sips:example.test
expect "expired, tolerated, is not secure" 0 '^\[not secure\]' call --tolerate expired sips:example.test

# --- connect, when the server does not want us, or is none

for version in 1.2 1.3; do
    start_server --cert "$pki/server.chain.pem" --key "$pki/server.key" --client-ca "$pki/root.pem" --tls $version
    expect "TLS $version: no client certificate" 3 'alert received' call sips:example.test
    expect "TLS $version: with client certificate" 0 'OPTIONS +200' \
        call --cert "$pki/phone.chain.pem" --key "$pki/phone.key" sips:example.test
    expect "TLS $version: unknown client certificate" 3 'alert received +unknown_ca' \
        call --cert "$pki/phone-other.chain.pem" --key "$pki/phone-other.key" sips:example.test
    if wait_for 'verified, SIP identity alice\.example\.test' "$server_log"; then
        pass "TLS $version: serve tells the client's SIP identity"
    else
        fail "TLS $version: serve tells the client's SIP identity" "it does not" "$server_log"
    fi
done
odd_peer sip
expect "a server without TLS" 3 'TLS' call sips:example.test
odd_peer banner
expect "a server of another protocol" 3 'TLS' call sips:example.test
odd_peer silent
expect "a silent server" 2 'no use|408 Request Timeout' call --timeout 300 sips:example.test
server=127.0.0.1:1
expect "nobody there" 2 'no TCP connection to 127\.0\.0\.1:1: Connection refused' call sips:example.test
odd_peer busy
expect "an answer that is not 2xx" 5 'OPTIONS was answered with 486 Busy Here' call sips:example.test
odd_peer password
expect "a server that wants a password" 5 'asks for a password' call sips:example.test
odd_peer junk
expect "an answer that is no SIP" 6 'what came is no answer' call sips:example.test
odd_peer mute
expect "no answer" 6 'no answer in time' call --timeout 500 sips:example.test
if wait_for '^goodbye' "$work/odd$servers.log"; then pass "close_notify after no answer"; else
    fail "close_notify after no answer" "the server did not hear it" "$work/odd$servers.log"
fi
odd_peer flood
expect "answers to nobody without end" 6 'no answer in time' call --timeout 1000 sips:example.test
odd_peer cut
expect "an answer that is cut off" 6 'siptls connect: ' call sips:example.test

# --- connect, when the command line is wrong

server=127.0.0.1:1
expect "no URI" 1 'whom to connect to is missing' "$tool" connect
expect "two URIs" 1 'one URI is enough' "$tool" connect sips:a.test sips:b.test
expect "sip: without TLS" 1 'does not ask for TLS' call sip:example.test
expect "a bad port" 1 'port is not a number' call sips:example.test:99999
expect "another scheme" 1 'siptls connect: ' call https://example.test/
expect "a bad version" 1 '1\.2, 1\.3 or 1\.2-1\.3' call --tls 1.1 sips:example.test
expect "an unknown suite" 1 'ROT13' call --suites TLS_ROT13 sips:example.test
expect "a flag that is none" 1 '"sunburnt" is not the name of a flag' call --tolerate sunburnt sips:example.test
expect "a flag that cannot be tolerated" 1 '"untrusted" can never be tolerated' \
    call --tolerate expired,untrusted sips:example.test
expect "a bad time-out" 1 'milliseconds' call --timeout soon sips:example.test
expect "a port that is none" 1 'takes host:port' call --address 127.0.0.1:000 sips:example.test
expect "a bad address" 1 'takes host:port' call --address example.test sips:example.test
expect "a bad user" 1 'user part' call --register 'a b' sips:example.test
expect "--insecure with --ca" 1 'make no sense' call --insecure sips:example.test
expect "--insecure with --crl" 1 'make no sense' \
    "$tool" connect --insecure --crl "$work/no-such-file" sips:example.test
expect "--key without --cert" 1 'need --cert' call --key "$pki/phone.key" sips:example.test
expect "a CA file that is missing" 1 'no-such-file' "$tool" connect --ca "$work/no-such-file" sips:example.test
expect "a CA file that is a key" 1 'key-as-cert\.pem' "$tool" connect --ca "$pki/key-as-cert.pem" sips:example.test
expect "a key of another certificate" 1 'siptls connect: ' \
    call --cert "$pki/phone.chain.pem" --key "$pki/server.key" sips:example.test
expect "a key that needs a password" 1 'password' \
    call --cert "$pki/server.chain.pem" --key "$pki/server.key.enc.pem" sips:example.test
echo wrong >"$work/password"
expect "a wrong password" 1 'password' call --cert "$pki/server.chain.pem" --key "$pki/server.key.enc.pem" \
    --password-file "$work/password" sips:example.test
echo secret >"$work/password"
expect "the right password" 2 'no TCP connection' call --cert "$pki/server.chain.pem" \
    --key "$pki/server.key.enc.pem" --password-file "$work/password" sips:example.test

# --- serve

expect "serve without certificate" 1 'needs a certificate' "$tool" serve
expect "serve at a bad address" 1 'takes host:port' "$tool" serve --listen nowhere --cert "$pki/server.chain.pem" \
    --key "$pki/server.key"
expect "serve: a bad mode" 1 'optional-any' "$tool" serve --cert x --verify perhaps
expect "serve: a bad host" 1 'NAME=CERT' "$tool" serve --cert x --host example.test

# Files with secrets: whoever else could read or write them.
secret=$work/secret
openssl rand -hex 32 >"$secret" 2>/dev/null || printf '%064d\n' 1 >"$secret"
# secret_file NAME MODE CODE PATTERN: the same for a file that is read and one that is written. A server that takes it
# finds its port in use.
secret_file() {
    chmod "$2" "$secret"
    expect "serve --ticket-secrets: $1" "$3" "$4" "$tool" serve --listen "$taken" --cert "$pki/server.chain.pem" \
        --key "$pki/server.key" --ticket-secrets "$secret"
    expect "serve --keylog: $1" "${5:-$3}" "${6:-$4}" "$tool" serve --listen "$taken" --cert "$pki/server.chain.pem" \
        --key "$pki/server.key" --keylog "$secret"
}
start_server --cert "$pki/server.chain.pem" --key "$pki/server.key"
taken=$server
secret_file "mode 600" 600 2 'in use'
secret_file "everybody can read it" 604 1 'everybody on this machine can read or write it, .*chmod 600'
secret_file "everybody can write it" 602 1 'everybody on this machine can read or write it, .*chmod 600'
secret_file "its group can write it" 620 1 'its group can (read or )?write it, .*chmod 600'
if [ "$(id -u)" = 0 ]; then
    secret_file "root's, and its group can read it" 640 2 'in use' 1 'its group can read or write it, .*chmod 600'
    chown 65534 "$secret"
    secret_file "another user's" 600 1 'belongs to another user, .*chown 0 '
else
    secret_file "its group can read it" 640 1 'its group can read or write it, .*chmod 600'
    skip "files with secrets of another user's" "this is not run by root"
fi
kill "$server_pid"

start_server --cert "$pki/server.chain.pem" --key "$pki/server.key" --timeout 400 --count 13
expect "serve at a port in use" 2 'Address already in use' "$tool" serve --listen "$server" \
    --cert "$pki/server.chain.pem" --key "$pki/server.key"
for ((i = 0; i < 5; i++)); do
    exec {silent}<>"/dev/tcp/${server%:*}/${server#*:}" # it stays open as long as this script runs
    : "$silent"
done
for ((i = 0; i < 6; i++)); do
    "$tool" connect --quiet --ca "$pki/root.pem" --address "$server" --register "user$i" sips:example.test \
        >"$work/call$i.log" 2>&1 &
    pids+=($!) calls[i]=$!
done
good=0
for pid in "${calls[@]}"; do
    ends "$pid" && good=$((good + 1))
done
if [ $good = 6 ]; then pass "six calls beside five silent peers"; else
    fail "six calls beside five silent peers" "only $good came through" "$server_log"
fi
{
    printf 'OPTIONS sips:example.test SIP/2.0\r\nVia: '
    sleep 3
} | timeout 20 openssl s_client -quiet -connect "$server" -CAfile "$pki/root.pem" >/dev/null 2>&1 &
pids+=($!)
if wait_for 'too slow: it did not finish its message' "$server_log"; then pass "half a message has a deadline"; else
    fail "half a message has a deadline" "serve does not say so" "$server_log"
fi
expect "the call after it" 0 'OPTIONS +200' call sips:example.test
if ends "$server_pid"; then pass "--count ends serve"; else fail "--count ends serve" "badly" "$server_log"; fi
if [ "$(grep -c 'refused: ' "$server_log")" = 5 ]; then pass "silent peers are refused in time"; else
    fail "silent peers are refused in time" "not all five" "$server_log"
fi

start_server --cert "$pki/server.chain.pem" --key "$pki/server.key" --strict-hosts \
    --host "other.test=$pki/wrong-domain.chain.pem,$pki/wrong-domain.key"
expect "SNI chooses the certificate" 0 '^\[secure\] other\.test' call sips:other.test
expect "strict hosts refuse others" 3 'unrecognized_name' call sips:example.test
start_server --cert "$pki/server.chain.pem" --key "$pki/server.key" --json
call --quiet --register alice sips:example.test
stop "$server_pid"
if python3 -c 'import json, sys; print([json.loads(line)["event"] for line in sys.stdin])' <"$server_log" |
    grep -q "listening.*handshake.*request.*request.*closed"; then pass "serve --json"; else
    fail "serve --json" "not the expected events" "$server_log"
fi

# --- verify

expect "verify accepts" 0 '^accepted' "$tool" verify --ca "$pki/root.pem" --name example.test "$pki/server.chain.pem"
expect "verify rejects" 4 '^rejected.*' "$tool" verify --ca "$pki/other-root.pem" --name example.test \
    "$pki/server.chain.pem"
expect "verify tells the flag" 4 'flags +expired at depth 0' "$tool" verify --ca "$pki/root.pem" \
    "$pki/expired.chain.pem"
expect "verify --time" 0 '^accepted' "$tool" verify --ca "$pki/root.pem" --time $(($(date +%s) - 432000)) \
    "$pki/expired.chain.pem"
expect "verify --time as a date" 4 'expired' "$tool" verify --ca "$pki/root.pem" --time 2090-01-31T23:59:59Z \
    "$pki/server.chain.pem"
expect "verify --time unset" 4 'the clock is not set, so the dates' "$tool" verify --ca "$pki/root.pem" --time unset \
    "$pki/server.chain.pem"
expect "verify --time unset, tolerated" 0 'tolerated: clock-not-set' "$tool" verify --ca "$pki/root.pem" --time unset \
    --tolerate clock-not-set "$pki/expired.chain.pem"
expect "verify --time, nonsense" 1 'takes 2026-12-24' "$tool" verify --ca "$pki/root.pem" --time 2026-02-30 x
expect "verify DER" 0 '^accepted' "$tool" verify --ca "$pki/root.der" "$pki/direct.der"
expect "verify a client" 0 '^accepted' "$tool" verify --ca "$pki/root.pem" --role client "$pki/phone.chain.pem"
expect "verify a client as server" 4 'wrong-usage' "$tool" verify --ca "$pki/root.pem" "$pki/phone.chain.pem"
expect "verify a server as client" 4 'wrong-usage' "$tool" verify --ca "$pki/root.pem" --role client \
    "$pki/server.chain.pem"
expect "verify a wildcard by SIP rules" 4 'name-mismatch' "$tool" verify --ca "$pki/root.pem" \
    --name a.example.test "$pki/wildcard.chain.pem"
expect "verify a wildcard by HTTPS rules" 0 '^accepted' "$tool" verify --ca "$pki/root.pem" \
    --identity https --name a.example.test "$pki/wildcard.chain.pem"
expect "verify --tolerate" 0 'tolerated +expired' "$tool" verify --ca "$pki/root.pem" --tolerate expired \
    "$pki/expired.chain.pem"
expect "verify a key" 1 'key-as-cert\.pem' "$tool" verify --ca "$pki/root.pem" "$pki/key-as-cert.pem"
expect "verify without --ca" 1 'whom to trust' "$tool" verify "$pki/server.pem"
expect_json "verify --json" "$tool" verify --json --ca "$pki/root.pem" "$pki/server.chain.pem"
for backend in "${backends[@]}"; do
    expect "verify by $backend" 0 '^accepted' "$tool" verify --backend "$backend" --ca "$pki/root.pem" \
        --ca "$pki/root-rsa.pem" --name example.test "$pki/server-rsa.chain.pem"
    expect "not revoked, by $backend" 0 '^accepted' "$tool" verify --backend "$backend" --ca "$pki/root.pem" \
        --crl "$pki/crl-int-revoked.pem" --crl "$pki/crl-root.pem" "$pki/server.chain.pem"
    expect "revoked, by $backend" 4 '^rejected: revoked' "$tool" verify --backend "$backend" --ca "$pki/root.pem" \
        --crl "$pki/crl-int-revoked.pem" --crl "$pki/crl-root.pem" "$pki/revoked.chain.pem"
done

# --- siptls-verdicts

hex() {
    od -An -v -tx1 "$1" | tr -d ' \n'
}
{
    for name in server expired; do
        printf 'case %s\nkind SERVER\nexpect 1\nname DNS example.test\nT %s\nI %s\nL %s\nkt EC\nend\n' $name \
            "$(hex "$pki/root.der")" "$(hex "$pki/int.der")" "$(hex "$pki/$name.der")"
    done
    printf 'case crl\nkind SERVER\nexpect 0\nT %s\nL %s\nC 30\nend\n' "$(hex "$pki/root.der")" \
        "$(hex "$pki/direct.der")"
} >"$work/some.cases"
for backend in "${backends[@]}"; do
    for mode in verify handshake; do
        "$verdicts" --backend "$backend" --mode $mode "$work/some.cases" >"$out" 2>&1
        if [ "$(cut -f 1-3 "$out" | tr '\t\n' ': ')" = \
            "server:accept:accept expired:accept:reject crl:reject:reject " ]; then
            pass "siptls-verdicts $mode by $backend"
        else
            fail "siptls-verdicts $mode by $backend" "not the expected lines" "$out"
        fi
    done
done
expect "siptls-verdicts --help" 0 '^usage: siptls-verdicts' "$verdicts" --help
expect "siptls-verdicts: what is no case" 1 'line 1: ' "$verdicts" "$pki/server.pem"

finish
