#!/usr/bin/env bash
# siptls store and siptls device: every command, what each refuses, and that a refusal changes nothing.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

[ -x "$tool" ] || skip_all "$tool is not built"

s=$work/store
# shellcheck disable=SC2317 # they are called through expect
store() { timeout 60 "$tool" store "$@"; }
# shellcheck disable=SC2317
device() { timeout 60 "$tool" device "$@"; }

# same NAME EXIT-CODE PATTERN COMMAND...: as expect, and no file of the store has changed.
same() {
    local before after
    before=$(cd "$s" && sha256sum -- * 2>&1)
    expect "$@"
    after=$(cd "$s" && sha256sum -- * 2>&1)
    [ "$before" = "$after" ] || fail "$1" "the store has changed"
}

# expect_json NAME PYTHON-EXPRESSION COMMAND...: stdout is JSON for which the expression (of `it`) holds.
expect_json() {
    local name=$1 expression=$2
    shift 2
    if { "$@" 2>&1 </dev/null || true; } | python3 -c "
import json, sys
it = json.load(sys.stdin)
sys.exit(not ($expression))"; then pass "$name"; else fail "$name" "not so: $expression"; fi
}

# --- what every command has

for group in store device; do
    expect "$group --help" 0 "^usage: siptls $group" "$tool" $group --help
    expect "$group --help tells exit codes" 0 '^Exit codes:' "$tool" $group --help
    expect "$group: nothing to do" 1 "^usage: siptls $group" "$tool" $group
    expect "$group: unknown command" 1 'no command "dance"' "$tool" $group dance
    expect "$group: unknown option" 1 "siptls $group show: unrecognized option" "$tool" $group show --dance "$s"
done
expect "an option of another command" 1 'does not belong' store list --force "$s"
expect "no folder" 1 'it takes FOLDER' store list
expect "unknown backend" 1 'no backend "rustls"' store list --backend rustls "$s"

# --- init

expect "no store there" 1 'No such file or directory' store list "$s"
expect "init" 0 'with 2 built-in' store init "$s" --builtin-from "$pki/two.pem" --builtin-list all
same "init again" 1 'there is a store in .* already; --force' store init "$s"
mkdir "$work/empty"
expect "an empty folder" 1 'siptls store init' store list "$work/empty"
echo '<html>' >"$work/empty/index"
expect "init where another index is" 1 'is not a store.s index' store init "$work/empty"
expect "init below nothing" 1 'No such file' store init "$work/none/store"
if [ -r /etc/ssl/certs/ca-certificates.crt ]; then
    expect "init with the 30 of the system's bundle" 0 'with 30 built-in' \
        store init "$work/thirty" --builtin-from system
fi
expect "init with a bundle that lacks them" 1 'the bundle lacks the certificate of line' \
    store init "$work/lacking" --builtin-from "$pki/two.pem"

{ openssl x509 -in "$pki/root-rsa.pem" -noout -fingerprint -sha256 | cut -d= -f2 && echo '# no more'; } >"$work/choice"
expect "init with a choice of one's own" 0 'with 1 built-in' \
    store init "$work/chosen" --builtin-from <(cat "$pki/two.pem" "$pki/root-rsa.pem") --builtin-list "$work/choice"
expect "that and no other" 0 '^builtin +CN=root-rsa' store list "$work/chosen"
expect "init with a list that is none" 1 'line 1 of the list of built-in certificates' \
    store init "$work/listless" --builtin-from "$pki/two.pem" --builtin-list "$pki/root.pem"

expect "init with a list for no bundle" 1 'builtin-from, which is missing' store init "$work/listless" --builtin-list all
{ [ ! -e "$work/lacking" ] && [ ! -e "$work/listless" ]; } && pass "a list that cannot be makes no store" ||
    fail "a list that cannot be makes no store" "there is one"
same "nor does it take the place of one" 1 'lacks the certificate of line' \
    store init --force "$s" --builtin-from "$pki/two.pem"
same "nor does one that is not there" 1 'none.pem cannot be read' \
    store init --force "$s" --builtin-from "$work/none.pem" --builtin-list all

# --- trusted certificates

expect "add" 0 'added 1 certificate$' store add "$s" "$pki/other-root.pem"
same "add it again" 1 'already' store add "$s" "$pki/other-root.pem"
expect "add DER, with a name" 0 'added 1' store add "$s" "$pki/root-rsa.der" --name 'The house'
expect "add a peer" 0 'added 1' store add --peer "$s" "$pki/self-signed.pem"
same "one bad file among good ones" 1 'server.pem, line 1: .* is not a CA' \
    store add "$s" "$pki/root-ed25519.pem" "$pki/server.pem" "$pki/int.pem"
same "one that is not there among good ones" 1 'none.pem cannot be read' \
    store add "$s" "$pki/root-ed25519.pem" "$work/none.pem"
same "a leaf" 1 'is not a CA' store add "$s" "$pki/server.pem"
same "an expired CA" 1 'has expired on' store add "$s" "$pki/root-expired.pem"
same "a bad bundle" 1 'mixed-bundle.pem' store add "$s" "$pki/mixed-bundle.pem"
same "a key" 1 'private key' store add "$s" "$pki/server.key"
same "nothing there" 1 'No such file' store add "$s" "$work/none.pem"
truncate -s 6M "$work/large.pem"
same "6 MB" 1 'larger than' store add "$s" "$work/large.pem"
same "the 4th of 3" 1 'root-ed25519.pem: that would be 4 .* at most 3 are allowed; remove 1' store add --max-custom 3 "$s" "$pki/root-ed25519.pem"
same "none may be there" 1 'from 1 to' store add --max-custom 0 "$s" "$pki/root-ed25519.pem"
expect "list" 0 '^custom +The house' store list "$s"
expect "list tells notes" 0 '^custom +self-signed.pem .* peer$' store list "$s"
expect "list by subject" 0 'The house' store list "$s" --subject CN=ROOT-RSA
expect "list what expires" 0 'no certificate' store list "$s" --days 0
expect_json "list --json" 'len(it["entries"]) == 5 and it["trust"] == "all"' store list --json "$s"
expect "show" 0 'subject  CN=root-rsa' store show "$s" 'The house'
fingerprint=$(openssl x509 -in "$pki/other-root.pem" -noout -fingerprint -sha256 | cut -d= -f2)
expect "show by fingerprint" 0 'subject  CN=other-root' store show "$s" "$fingerprint"
store show --pem "$s" "$fingerprint" >"$work/shown.pem"
if cmp -s "$work/shown.pem" "$pki/other-root.pem"; then pass "show --pem"; else fail "show --pem" "it differs"; fi
expect "show nobody" 1 'is called "nobody"' store show "$s" nobody
same "remove nobody" 1 'no custom certificate and no CRL called' store remove "$s" nobody
same "remove a built-in one" 1 'is built in' store remove "$s" CN=root
expect "remove by name" 0 'removed 1' store remove "$s" 'The house'
expect "remove by fingerprint" 0 'removed 1' store remove "$s" "$fingerprint"
expect "use" 0 'in force: custom' store use "$s" custom
same "use what there is not" 1 'SET is' store use "$s" everything
if store use --quiet "$s" all >"$out" 2>&1 && [ ! -s "$out" ]; then pass "--quiet is quiet"; else
    fail "--quiet is quiet" "it is not" "$out"
fi

# --- revocation lists

same "a CRL where a CA is due" 1 'CRLs have a list of their own' store add "$s" "$pki/crl-int.pem"
same "a CA where a CRL is due" 1 'this is a certificate, but only CRLs' store add-crl "$s" "$pki/root.pem"
expect "add-crl" 0 'added 1 CRL$' store add-crl "$s" "$pki/crl-int.der" --name 'of int'
expect "list tells the CRL" 0 '^crl +of int ' store list "$s"
expect "add-crl: its successor" 0 'added 1 CRL$' store add-crl "$s" "$pki/crl-int-revoked.pem"
expect_json "there is one" '[e["crl"]["revoked"] for e in it["entries"] if e["place"] == "crl"] == [1]' \
    store list --json "$s"
same "an older CRL" 1 'is not older than this one' store add-crl "$s" "$pki/crl-int.pem"
same "the same CRL" 1 'is this very one' store add-crl "$s" "$pki/crl-int-revoked.pem"
same "an expired CRL" 1 'the next was due on' store add-crl "$s" "$pki/crl-int-expired.pem"
same "an indirect CRL" 1 'indirect CRL' store add-crl "$s" "$pki/crl-int-indirect.pem"
same "6 MB of CRLs" 1 'larger than' store add-crl "$s" "$work/large.pem"
sed 's/./A/30' "$pki/crl-root.pem" >"$work/forged.pem"
same "a CRL that was changed" 1 'crl-root|forged.pem' store add-crl "$s" "$work/forged.pem"
expect "show the CRL" 0 'next update in (29|30) days' store show "$s" crl-int-revoked.pem
store show --pem "$s" crl-int-revoked.pem >"$work/shown.pem"
if cmp -s "$work/shown.pem" "$pki/crl-int-revoked.pem"; then pass "show --pem"; else fail "show --pem" "it differs"; fi
expect "list CRLs by issuer" 0 'crl-int-revoked.pem' store list "$s" --subject CN=INT
expect "check: the next CRL will be due" 4 'crl "crl-int-revoked.pem": the next one will be due soon' \
    store check --days 40 "$s"
expect "remove the CRL" 0 'removed 1' store remove "$s" crl-int-revoked.pem
same "one bad CRL among good ones" 1 'root.pem, line 1: this is a certificate' \
    store add-crl "$s" "$pki/crl-int.pem" "$pki/root.pem"
expect "add-crl: two in one file" 0 'added 2 CRLs' store add-crl "$s" "$pki/crl-two.pem"

# --- the device's certificates

expect "nothing installed" 0 'neither a unique nor a generic' device show "$s"
expect "install the unique one" 0 'as the unique' device install "$s" --place unique --name 001565AB12CD \
    --cert "$pki/server.chain.pem" --key "$pki/server.key"
echo secret >"$work/password"
echo wrong >"$work/wrong"
expect "install a custom one" 0 'as the custom' device install "$s" --cert "$pki/server.pem" \
    --key "$pki/server.key.enc.pem" --password-file "$work/password"
same "wrong password" 1 'password is wrong' device install "$s" --cert "$pki/server.pem" \
    --key "$pki/server.key.enc.pem" --password-file "$work/wrong"
head -c 2000 /dev/zero | tr '\0' a >"$work/endless"
same "a password without end" 1 'endless: the password is longer than' device install "$s" --cert "$pki/server.pem" \
    --key "$pki/server.key.enc.pem" --password-file "$work/endless"
same "a password from a folder" 1 'Is a directory' device install "$s" --cert "$pki/server.pem" \
    --key "$pki/server.key.enc.pem" --password-file "$work"
same "no password" 1 'no password was given' device install "$s" --cert "$pki/server.pem" \
    --key "$pki/server.key.enc.pem"
same "6 MB of a server certificate" 1 'larger than' device install "$s" --cert "$work/large.pem"
same "wrong key" 1 'is not the one of' device install "$s" --cert "$pki/server.pem" --key "$pki/phone.key"
same "wrong chain" 1 'issued none of the others' device install "$s" \
    --cert <(cat "$pki/server.pem" "$pki/other-root.pem") --key "$pki/server.key"
same "PKCS#12, wrong password" 1 'modern.p12: .*the password is wrong' device install "$s" --cert "$pki/modern.p12" \
    --password-file "$work/wrong"
same "PKCS#12, no password" 1 'no password was given' device install "$s" --cert "$pki/modern.p12"
same "PKCS#12 without a key" 1 'holds no private key' device install "$s" --cert "$pki/no-key.p12" \
    --password-file "$work/password"
same "PKCS#12, half of it" 1 'cut off' device install "$s" --cert "$pki/trunc.p12" --password-file "$work/password"
same "PKCS#12 where a CA is due" 1 'openssl pkcs12 -in FILE -cacerts' store add "$s" "$pki/modern.p12"
expect "PKCS#12" 0 'as the custom' device install "$s" --cert "$pki/modern.p12" --password-file "$work/password"
if grep -q 'BEGIN PRIVATE KEY' "$s"/server-*.pem; then pass "its key needs no password any more"; else
    fail "its key needs no password any more" "it does"
fi
expect "PKCS#12, its password from stdin" 0 'as the custom' \
    bash -c "'$tool' device install '$s' --cert '$pki/triple-des.p12' --password-file - <'$work/password'"
expect "install a custom one again" 0 'as the custom' device install "$s" --cert "$pki/server.pem" \
    --key "$pki/server.key.enc.pem" --password-file "$work/password"
same "no place" 1 'PLACE is' device install "$s" --place here --cert "$pki/server.pem"
expect "the unique one is sent" 0 '^sent: .*the unique one' device show "$s"
expect "use custom" 0 '^sent: the custom one' device use "$s" custom
expect_json "show --json" 'it["sent"] == "custom-server" and len(it["entries"]) == 2' device show --json "$s"
if [ "$(stat -c %a "$s"/server-*.pem | sort -u)" = 600 ]; then pass "keys are the owner's"; else
    fail "keys are the owner's" "$(stat -c '%a %n' "$s"/server-*.pem)"
fi

# --- check, export, import, reset

expect "check" 0 'all [0-9]+ certificates and CRLs are well' store check --days 0 "$s"
expect "check what will expire" 4 'it will expire soon' store check --days 10000 "$s"
expect_json "check --json" 'len(it["troubles"]) > 0' store check --json --days 10000 "$s"
expect "export for provisioning" 0 'wrote' store export "$s" "$work/provisioning"
if grep -q 'PRIVATE KEY' "$work/provisioning"; then fail "an export holds no key" "it does"; else
    pass "an export holds no key"
fi
expect "export all" 0 'private keys: keep it safe' store export --parts all "$s" "$work/backup"
expect "init another" 0 'made' store init "$work/other"
expect "import" 0 'took over' store import "$work/other" "$work/backup"
expect "import, with the password of its key" 0 'took over' \
    store import "$work/other" "$work/backup" --password-file "$work/password"
expect "import, with a wrong one" 1 'custom-server "server.pem": .*the password is wrong' \
    store import "$work/other" "$work/backup" --password-file "$work/wrong"
store list "$s" >"$work/a"
store list "$work/other" >"$work/b"
if cmp -s "$work/a" "$work/b"; then pass "the other is the same"; else fail "the other is the same" "no" "$work/b"; fi
sed 's/custom/CUSTOM/' "$work/backup" >"$work/changed"
same "import what was changed" 1 'its checksum is wrong' store import "$s" "$work/changed"
head -c 1000 "$work/backup" >"$work/cut"
same "import what was cut off" 1 'cut off' store import "$s" "$work/cut"
same "import what is none" 1 'not an export of a store' store import "$s" "$pki/root.pem"
expect "reset" 0 'gone' store reset "$s"
expect_json "what is left" '[e["place"] for e in it["entries"]] == ["builtin", "builtin", "unique"]' \
    store list --json "$s"

# --- a new store in the place of one, on a disk that is full

# What a file may have is less than the built-in list has, and more than an index.
# shellcheck disable=SC2317 # it is called through same
cramped() {
    (
        trap '' XFSZ
        ulimit -f 1
        timeout 60 "$tool" store "$@"
    )
}
same "init --force that fails late" 1 'cannot write builtin-.*File too large' \
    cramped init "$s" --force --builtin-from "$pki/two.pem" --builtin-list all
sed -i.good 's/^trust all/trust none/' "$s/index"
same "and where the old one cannot be opened" 1 'cannot write builtin-.*File too large' \
    cramped init "$s" --force --builtin-from "$pki/two.pem" --builtin-list all
mv "$s/index.good" "$s/index"
expect "and where there is none" 1 'cannot write builtin-.*File too large' \
    cramped init "$work/none-yet" --builtin-from "$pki/two.pem" --builtin-list all
expect "there is none still" 1 'siptls store init' store list "$work/none-yet"
expect_json "all is there" '[e["place"] for e in it["entries"]] == ["builtin", "builtin", "unique"]' \
    store list --json "$s"
store use --quiet "$work/other" custom
expect "init --force" 0 'with 2 built-in' \
    store init "$work/other" --force --builtin-from "$pki/two.pem" --builtin-list all
expect_json "nothing else is there" \
    'it["trust"] == "all" and it["send"] == "device" and [e["place"] for e in it["entries"]] == ["builtin", "builtin"]' \
    store list --json "$work/other"
if [ "$(cd "$work/other" && echo *)" = "$(cd "$work/other" && echo builtin-*.pem) index lock" ]; then
    pass "nor any file of it"
else
    fail "nor any file of it" "$(cd "$work/other" && echo *)"
fi
expect "import once more" 0 'took over' store import "$work/other" "$work/backup"

# --- damage

chmod 644 "$work/other"/server-*.pem
expect "check: a key for all to read" 4 'other users can read its key' store check --days 0 "$work/other"
chmod 600 "$work/other"/server-*.pem
chmod 666 "$work/other/index"
expect "check: an index for all to write" 4 'other users can' store check --days 0 "$work/other"
chmod 644 "$work/other/index"
(umask 0 && echo '[sip]' >"$work/other/profiles.ini")
expect "check: profiles for all to write" 4 '^profiles "profiles.ini": other users can' store check --days 0 "$work/other"
rm "$work/other/profiles.ini"
ca=$(echo "$work/other"/ca-*.pem)
echo junk >"$ca"
expect "show a changed file" 0 '^custom "self-signed.pem": its file was cut off' store show "$work/other" self-signed.pem
expect "as PEM" 1 '^siptls store show: custom "self-signed.pem": its file was' store show "$work/other" self-signed.pem --pem
expect "check: a changed file" 4 'cut off or changed by hand' store check --days 0 "$work/other"
rm "$ca"
expect "check: a missing file" 4 'its file is missing' store check --days 0 "$work/other"
expect "remove what is missing" 0 'removed 1' store remove "$work/other" self-signed.pem
expect "and all is well" 0 'are well' store check --days 0 "$work/other"
sed -i 's/^siptls-store 1/siptls-store 2/' "$work/other/index"
expect "another version" 1 'is of format 2' store list "$work/other"
echo >"$work/other/index"
expect "a lost index" 1 'is not a store' store list "$work/other"
expect "start anew" 0 'made' store init --force "$work/other"

# --- a lock: of the living, and of the dead

(
    exec 9>"$s/lock"
    flock 9
    exec sleep 60
) &
holder=$!
pids+=("$holder")
while flock -n "$s/lock" true; do sleep 0.05; done
same "locked" 1 'another process has been changing it' store add "$s" "$pki/root-rsa.pem"
expect "reading needs no lock" 0 'builtin' store list "$s"
kill -9 "$holder"
wait "$holder" 2>/dev/null
expect "its holder is dead" 0 'added' store add "$s" "$pki/root-rsa.pem"

finish
