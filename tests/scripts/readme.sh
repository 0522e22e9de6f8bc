#!/usr/bin/env bash
# The session in README.md, word for word: what it types is typed, what it shows must come. What cannot be the same
# twice is compared by its form only: the SHA-256 of certificates that are made here, and the days that are left.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

[ -x "$tool" ] || skip_all "$tool is not built"
[ "${backends[*]}" = "openssl mbedtls wolfssl" ] || skip_all "the README shows a build with all three libraries"
command -v openssl >/dev/null || skip_all "openssl is not installed"
"$tool" profile set --create "$work/probe" a >"$out" 2>&1 || skip_all "this build has no inih"

# certificate NAME SUBJECT ISSUER EXTENSION: NAME.pem and NAME.key, with dates that do not depend on today.
mkdir "$work/ca" "$work/session"
cd "$work/ca" || exit 1
cat >ca.conf <<'END'
[ca]
default_ca = it
[it]
database = index
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = none
[none]
END
certificate() {
    : >index
    openssl req -config ca.conf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.csr" \
        -subj "$2" 2>/dev/null
    printf '%s\n' "$4" >extensions
    local by=(-cert "$3.pem" -keyfile "$3.key")
    [ "$3" != self ] || by=(-selfsign -keyfile "$1.key")
    openssl ca -config ca.conf -batch -notext "${by[@]}" -in "$1.csr" -out "$1.pem" -extfile extensions -subj "$2" \
        -startdate 20200101000000Z -enddate 20491231235959Z 2>openssl.log
}
ca='basicConstraints=critical,CA:TRUE'
if certificate one '/CN=Public CA One' self "$ca" && certificate two '/CN=Public CA Two' self "$ca" &&
    certificate house '/CN=Example House CA' self "$ca" &&
    certificate phone '/CN=phone-17.example.com' house 'subjectAltName=DNS:phone-17.example.com'; then
    pass "certificates for the session"
else
    fail "certificates for the session" "openssl failed" openssl.log
    finish
fi
cat one.pem two.pem >"$work/session/public-cas.pem"
cp house.pem "$work/session/house-ca.pem"
cp phone.pem phone.key "$work/session"
cd "$work/session" || exit 1

# --- the lines of the README

# The block of the README, as lines.
# shellcheck disable=SC2016 # the backticks are Markdown's
sed -n '/^```console$/,/^```$/p' "$source_dir/README.md" | grep -v '^```' >"$work/lines"
# shellcheck disable=SC2317 # the README calls it
siptls() { timeout 60 "$tool" "$@"; }

# normal: the same text, with the form of what varies in place of it.
normal() {
    sed -E -e 's/ +$//' -e 's/([0-9A-F]{2}:){15}[0-9A-F]{2}:?$/SHA-256/' \
        -e 's/^(  +valid +2020-01-01 to 2049-12-31: )[0-9]+( days left)$/\1N\2/' \
        -e 's/^((builtin|custom|custom-server) .*  )[0-9A-F]{8}(  2049-12-31) +[0-9]+(  .*)?$/\1XXXXXXXX\3  DAYS\4/'
}

# compare COMMAND: it is run, and what comes is compared with $work/expected.
compare() {
    eval "$1" >"$work/got" 2>&1 </dev/null
    normal <"$work/expected" >"$work/a"
    normal <"$work/got" >"$work/b"
    if diff "$work/a" "$work/b" >"$out"; then pass "\$ $1"; else fail "\$ $1" "what comes is not what the README shows" "$out"; fi
}

command=
while IFS= read -r line || [ -n "$line" ]; do
    case $line in
    '$ '*)
        [ -z "$command" ] || compare "$command"
        command=${line#'$ '}
        : >"$work/expected"
        ;;
    *) printf '%s\n' "$line" >>"$work/expected" ;;
    esac
done <"$work/lines"
[ -z "$command" ] || compare "$command"

# All that a store, a device and profiles can do is in it.
for wanted in 'store '{init,add,list,show,remove,export,import,check,reset} 'device '{install,show,use,remove} \
    'profile '{set,show,check}; do
    if grep -q "^\\$ siptls $wanted " "$work/lines"; then pass "the README shows siptls $wanted"; else
        fail "the README shows siptls $wanted" "it does not"
    fi
done

finish
