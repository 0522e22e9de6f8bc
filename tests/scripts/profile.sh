#!/usr/bin/env bash
# siptls profile: every command, what each refuses, that a refusal changes nothing, and profiles on the wire.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

[ -x "$tool" ] || skip_all "$tool is not built"
"$tool" profile set --create "$work/probe" a >"$out" 2>&1 || {
    if grep -q 'made without the library inih' "$out"; then skip_all "this build has no inih"; fi
}

umask 022 # others who can write a file are complained of
f=$work/profiles s=$work/store
# shellcheck disable=SC2317 # it is called through expect
profile() { timeout 60 "$tool" profile "$@"; }

# same NAME EXIT-CODE PATTERN COMMAND...: as expect, and the file has not changed.
same() {
    local before after
    before=$(sha256sum "$f" 2>&1)
    expect "$@"
    after=$(sha256sum "$f" 2>&1)
    [ "$before" = "$after" ] || fail "$1" "the file has changed"
}

# holds NAME: the file is what stands on stdin.
holds() {
    cat >"$work/expected"
    if cmp -s "$work/expected" "$f"; then pass "$1"; else fail "$1" "the file is another" "$f"; fi
}

# expect_json NAME PYTHON-EXPRESSION COMMAND...: stdout is JSON for which the expression (of `it`) holds.
expect_json() {
    local name=$1 expression=$2
    shift 2
    if { "$@" 2>/dev/null </dev/null || true; } | python3 -c "
import json, sys
it = json.load(sys.stdin)
sys.exit(not ($expression))"; then pass "$name"; else fail "$name" "not so: $expression"; fi
}

# --- what every command has

expect "--help" 0 '^usage: siptls profile' "$tool" profile --help
expect "--help tells exit codes" 0 '^Exit codes:' "$tool" profile --help
expect "--help tells every value" 0 '^  verify +required, none, optional, optional-any$' "$tool" profile --help
expect "nothing to do" 1 '^usage: siptls profile' "$tool" profile
expect "unknown command" 1 'no command "dance"' "$tool" profile dance
expect "no place" 1 'it takes PLACE and NAME' profile show
expect "an option of another command" 1 'does not belong' profile list --create "$f"

# --- set, unset, remove

expect "no file" 1 'No such file' profile set "$f" sip trust all
expect "a new file" 0 '\[sip\] 2 settings are made' profile set --create "$f" sip trust custom identity sip
same "a profile that is not there" 1 'no profile \[spi\] .*; --create makes it' profile set "$f" spi trust all
cat >"$f" <<'END'
# Profiles of the lobby's phones. Ask Anna before changing them.

[sip]                      ; calls
trust    = custom          ; our own CA
verify   = required
ciphers  = TLS_AES_256_GCM_SHA384:
           TLS_AES_128_GCM_SHA256

; the provisioning server has a certificate of a public CA
[provisioning]
identity = https
END
chmod 640 "$f"
expect "set in place" 0 '^\[sip\] trust is all$' profile set "$f" sip trust all
expect "set what is new" 0 'settings are made' profile set "$f" sip alpn sip/2 min-version 1.3
expect "set a list" 0 '.' profile set "$f" sip ciphers 'TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384'
holds "comments and order stay" <<'END'
# Profiles of the lobby's phones. Ask Anna before changing them.

[sip]                      ; calls
trust    = all          ; our own CA
verify   = required
ciphers  = TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384
alpn = sip/2
min-version = 1.3

; the provisioning server has a certificate of a public CA
[provisioning]
identity = https
END
if [ "$(stat -c %a "$f")" = 640 ]; then pass "the mode stays"; else fail "the mode stays" "$(stat -c %a "$f")"; fi
expect "a warning" 0 'warning: profile \[provisioning\], verify = none: nobody looks' \
    profile set "$f" provisioning verify none
same "unknown key" 1 '"trusted" is not the name of a setting' profile set "$f" sip trusted all
same "bad value" 1 'trust takes default, custom, all, system, not "some"' profile set "$f" sip trust some
same "the first is good, the second is not" 1 'takes a number' profile set "$f" sip alpn x max-intermediates y
same "nothing to set" 1 'KEY and VALUE' profile set "$f" sip
same "no value" 1 'alpn has no value' profile set "$f" sip trust all alpn
same "a line of its own" 1 'text in one line' profile set "$f" sip alpn $'x\nverify = none'
same "a bad name" 1 'not \[ \] # ;' profile set --create "$f" 'a]b' trust all
same "unset what is not set" 1 'does not set groups' profile unset "$f" sip groups
expect "unset" 0 'verify has the default again' profile unset "$f" provisioning verify
expect "remove" 0 'removed \[sip\]' profile remove "$f" sip
holds "what is left" <<'END'
# Profiles of the lobby's phones. Ask Anna before changing them.

; the provisioning server has a certificate of a public CA
[provisioning]
identity = https
END
same "remove it again" 1 'no profile \[sip\]' profile remove "$f" sip
ln -s profiles "$work/link"
expect "through a link" 0 '.' profile set "$work/link" provisioning trust system
if [ -L "$work/link" ] && grep -q '^trust = system$' "$f"; then pass "the link stays"; else
    fail "the link stays" "it does not" "$f"
fi
[ "$(id -u)" = 0 ] || {
    mkdir "$work/locked" && cp "$f" "$work/locked/p" && chmod 555 "$work/locked"
    expect "a folder that is not ours" 1 'give this user the right' profile set "$work/locked/p" provisioning trust all
    chmod 755 "$work/locked"
}

# --- list, show

expect "list" 0 '^provisioning +2 +0$' profile list "$f"
expect_json "list --json" 'it["profiles"][0]["name"] == "provisioning"' profile list --json "$f"
expect "show what the file says" 0 '^identity +file +https$' profile show "$f" provisioning
expect "show a default" 0 '^verify +default  required$' profile show "$f" provisioning
expect "show it for a server" 0 '^verify +default  none$' profile show --role server "$f" provisioning
expect "show a list in force" 0 '^ciphers +default  TLS_AES_128_GCM_SHA256$' profile show "$f" provisioning
expect_json "show --json" 'it["settings"]["trust"] == {"value": "system", "given": True} and it["flaw"] is None' \
    profile show --json "$f" provisioning
expect "show nobody" 1 'no profile \[sip\]' profile show "$f" sip
expect "an unknown role" 1 '--role takes' profile show --role both "$f" provisioning

# --- check

expect "check" 0 '^1 of 1 profiles can be used' profile check "$f"
printf '[sip]\nverify = maybe\n' >"$work/bad"
expect "check a bad file" 1 'bad, line 2: \[sip\] verify takes' profile check "$work/bad"
printf '[sip]\nalpn = %0200d\n' 0 >"$work/bad"
expect "check a long line" 1 'line 2: it is longer than 198 bytes' profile check "$work/bad"
printf '[sip]\nmin-version = 1.3\nmax-version = 1.2\n' >"$work/bad"
expect "check versions" 4 'min-version is above max-version$' profile check "$work/bad"
expect "check what cannot be" 4 '^0 of 1 profiles can be used' profile check "$work/bad"
printf '[phones]\nverify = optional-any\n' >"$work/server"
expect "only for servers" 0 '^phones +server +(all|[a-z]+) +good$' profile check "$work/server"
expect "not for clients" 4 '^phones +client +(all|[a-z]+) +.*a client verifies' profile check --role client "$work/server"
expect_json "check --json" 'it["good"] and [u["good"] for u in it["profiles"][0]["uses"] if u["role"] == "server"][0]' \
    profile check --json "$work/server"

chmod 666 "$f"
expect "check: for all to write" 4 ': other users can change it' profile check "$f"
expect_json "for all to write, --json" 'not it["good"] and "chmod" in it["exposed"]' profile check --json "$f"
chmod 644 "$f"
mkdir -m 777 "$work/open"
cp "$f" "$work/open/profiles.ini"
expect "check: in a folder for all to write" 4 ': other users can change it' profile check "$work/open/profiles.ini"
chmod 1777 "$work/open"
expect "check: in one like /tmp" 0 '^1 of 1' profile check "$work/open/profiles.ini"

# --- beside a store, and on the wire

"$tool" store init "$s" --quiet
"$tool" store add --quiet "$s" "$pki/root.pem"
expect "a profile of the store's folder" 0 '.' profile set --create "$s" sip trust custom certificate device
if [ -f "$s/profiles.ini" ]; then pass "it is profiles.ini"; else fail "it is profiles.ini" "it is not"; fi
expect "the store is as it was" 0 '^all 1 certificate' "$tool" store check --days 0 "$s"
expect "check it with the store" 0 'with the store' profile check --role client "$s" sip
expect "a server lacks a certificate" 4 'needs a credential' profile check --role server "$s" sip
"$tool" device install --quiet "$s" --place unique --cert "$pki/server.chain.pem" --key "$pki/server.key"
expect "now it has one" 0 'server +(all|[a-z]+) +good' profile check --role server "$s" sip
expect "from a file, with the store" 0 'with the store' profile check --store "$s" "$f"
expect "reset leaves it" 0 '.' "$tool" store reset "$s"
if [ -f "$s/profiles.ini" ]; then pass "profiles are not reset"; else fail "profiles are not reset" "they are"; fi
"$tool" store add --quiet "$s" "$pki/root.pem"

# shellcheck disable=SC2317
connect() { timeout 60 "$tool" connect --address "$server" "$@" sips:example.test; }
for backend in "${backends[@]}"; do
    start_server --backend "$backend" --profile "$s#sip" || continue
    expect "$backend: by a profile" 0 'has proved who it is' connect --backend "$backend" --profile "$s#sip"
    profile set --quiet "$s" sip max-version 1.2
    expect "$backend: the profile's version" 0 'TLS 1\.2' connect --backend "$backend" --profile "$s#sip"
    expect "$backend: an option is stronger" 0 'TLS 1\.3' connect --backend "$backend" --profile "$s#sip" --tls 1.3
    profile unset --quiet "$s" sip max-version
    profile set --quiet --create "$s" nobody trust default
    expect "$backend: the profile's trust" 1 'needs trusted certificates' connect --backend "$backend" --profile "$s#nobody"
    stop "$server_pid"
done

# CRLs of a store count, and --crl-check or the key crl says otherwise.
cp -a "$s" "$work/strict"
cp -a "$s" "$work/missing"
"$tool" store add-crl --quiet "$work/strict" "$pki/crl-int-phone.pem"
"$tool" store add-crl --quiet "$work/missing" "$pki/crl-root.pem"
profile set --quiet --create "$work/missing" lax crl off 2>/dev/null # it warns
profile set --quiet --create "$work/missing" strict crl leaf
phone=(--cert "$pki/phone.chain.pem" --key "$pki/phone.key")
for backend in "${backends[@]}"; do
    start_server --backend "$backend" --store "$work/strict" --verify required || continue
    timeout 60 "$tool" connect --quiet --backend "$backend" --ca "$pki/root.pem" --address "$server" "${phone[@]}" \
        sips:example.test >"$out" 2>&1
    if wait_for 'revoked' "$server_log"; then pass "$backend: a client that a CRL of the store has"; else
        fail "$backend: a client that a CRL of the store has" "it is not refused" "$server_log"
    fi
    stop "$server_pid"
    start_server --backend "$backend" --store "$work/strict" --verify required --crl-check off || continue
    expect "$backend: --crl-check off lets it in" 0 'has proved who it is' connect --backend "$backend" \
        --ca "$pki/root.pem" "${phone[@]}"
    stop "$server_pid"
    start_server --backend "$backend" --profile "$s#sip" || continue
    from=(connect --backend "$backend" --profile)
    expect "$backend: its CA has no CRL in the store" 4 'there is no CRL of its issuer' "${from[@]}" "$work/missing#sip"
    expect "$backend: then --crl-check off" 0 'has proved who it is' "${from[@]}" "$work/missing#sip" --crl-check off
    expect "$backend: or --tolerate" 0 'crl-missing' "${from[@]}" "$work/missing#sip" --tolerate crl-missing
    expect "$backend: or crl = off" 0 'warning: .*crl = off' "${from[@]}" "$work/missing#lax"
    expect "$backend: --ca has nothing to do with it" 0 'has proved who it is' "${from[@]}" "$work/missing#sip" \
        --ca "$pki/root.pem"
    expect "$backend: unless the profile says it" 4 'there is no CRL of its issuer' "${from[@]}" "$work/missing#strict" --ca "$pki/root.pem"
    stop "$server_pid"
done

expect "--crl for a store's trust" 1 'crl needs --ca' connect --profile "$s#sip" --crl "$pki/crl-root.pem"
expect "the same, server" 1 'crl needs certificates to trust' "$tool" serve --profile "$s#sip" --crl "$pki/crl-root.pem"
expect "the same, of another store" 1 'crl needs certificates to trust' timeout 60 "$tool" serve --profile "$s#sip" --store "$s" \
    --crl "$pki/crl-root.pem"
expect "--crl, and nobody is asked" 1 'crl makes no sense without --verify' timeout 60 "$tool" serve --store "$s" \
    --crl "$pki/crl-root.pem"
"$tool" profile set --quiet --create "$work/unasked" quiet identity sip
"$tool" profile set --quiet --create "$work/unasked" open verify none 2>/dev/null
for name in quiet open; do
    expect "--client-ca, and profile $name asks nobody" 1 'client-ca makes no sense' timeout 60 "$tool" serve \
        --listen 127.0.0.1:0 --profile "$work/unasked#$name" --cert "$pki/server.chain.pem" --key "$pki/server.key" \
        --client-ca "$pki/root.pem" --crl "$pki/crl-root.pem"
done
expect "--ca, and the profile looks at nobody" 1 'make no sense' connect --profile "$work/unasked#open" --ca "$pki/root.pem"
expect "no such profile" 1 'no profile \[web\]' connect --profile "$s#web"
expect "no name" 1 'takes FILE#NAME' connect --profile "$s"
expect "a store without a profile" 1 '--store needs --profile' connect --store "$s"
# shellcheck disable=SC2016 # bash expands it
expect "a warning on the wire" 2 'warning: profile \[open\], verify = none' \
    bash -c '"$1" profile set --quiet --create "$2" open verify none 2>/dev/null
        "$1" connect --address 127.0.0.1:1 --profile "$2#open" sips:example.test' - "$tool" "$s"

finish
