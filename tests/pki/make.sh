#!/bin/sh
# make.sh DIR: makes the test PKI in DIR, or leaves it alone if it is there and good for another day.
#
# The table at the end has one line per certificate; README.md beside this file says what each is for.
# Needs the openssl command, 3.0 or newer (OPENSSL names another), and flock.
set -euf
export LC_ALL=C
unset OPENSSL_MODULES || :

openssl=${OPENSSL:-openssl}
password=secret
day=86400

fail() {
    printf 'make.sh: %s\n' "$*" >&2
    exit 1
}

# --- one run at a time, and only if there is something to do -----------------------------------------

if [ $# -ne 1 ] || [ -z "$1" ]; then
    fail "Say where to make the PKI: make.sh DIR."
fi
case $("$openssl" version 2>/dev/null || :) in
    "OpenSSL "[3-9].*) ;;
    *) fail "The command '$openssl' is not OpenSSL 3.0 or newer." ;;
esac
command -v flock >/dev/null || fail "The command flock is missing (package util-linux)."

checksum=$(cksum <"$0")
mkdir -p "$(dirname "$1")"
dir=$(cd "$(dirname "$1")" && pwd -P)/$(basename "$1")
new=$dir.new
old=$dir.old

# The stamp holds the script's checksum, the times the PKI is good from and until, and every file name.
is_complete() {
    [ -f "$dir/.stamp" ] || return 1
    now=$(date -u +%s)
    {
        read -r stamp_checksum && read -r made ends || return 1
        [ "$stamp_checksum" = "$checksum" ] && [ "$now" -ge "$made" ] && [ "$now" -lt $((ends - day)) ] ||
            return 1
        while read -r file; do
            [ -f "$dir/$file" ] || return 1
        done
    } <"$dir/.stamp"
}

is_complete && exit 0
exec 9>"$dir.lock"
flock 9
is_complete && exit 0 # another run made it while this one waited

if [ -e "$dir" ] && [ ! -f "$dir/.stamp" ]; then
    rmdir "$dir" 2>/dev/null || fail "$dir holds something that make.sh did not make. Remove it first."
fi
rm -rf "$new" "$old"
trap 'rm -rf "$new"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$new/work"
cd "$new"
now=$(date -u +%s)

# --- openssl -----------------------------------------------------------------------------------------

# The machine's own configuration may forbid SHA-1 or MD5, or load other providers.
export OPENSSL_CONF=work/openssl.cnf
cat >"$OPENSSL_CONF" <<CNF
[req]
distinguished_name = dn
prompt = no
[dn]
CN = replaced when the certificate is issued
[ca]
default_ca = db
[db]
database = work/index
serial = work/serial
crlnumber = work/crlnumber
new_certs_dir = work
default_md = sha256
policy = policy
unique_subject = no
[policy]
organizationName = supplied
commonName = supplied
CNF

# Runs openssl, and shows what it said only if it failed.
run() {
    "$openssl" "$@" >work/log 2>&1
}
must() {
    run "$@" || {
        cat work/log >&2
        fail "This command failed: openssl $*"
    }
}

# The time DAYS from now, as YYYYMMDDHHMMSSZ. date(1) has no portable way to do this; the arithmetic is
# Howard Hinnant's days_to_civil.
moment() {
    t=$((now + $1 * day))
    z=$((t / day + 719468)) s=$((t % day))
    era=$((z / 146097)) doe=$((z % 146097))
    yoe=$(((doe - doe / 1460 + doe / 36524 - doe / 146096) / 365))
    doy=$((doe - (365 * yoe + yoe / 4 - yoe / 100)))
    mp=$(((5 * doy + 2) / 153))
    d=$((doy - (153 * mp + 2) / 5 + 1)) m=$(((mp + 2) % 12 + 1))
    y=$((yoe + era * 400 + (m <= 2)))
    printf '%04d%02d%02d%02d%02d%02dZ' $y $m $d $((s / 3600)) $((s / 60 % 60)) $((s % 60))
}

# make_key NAME KEY: NAME.key, and the request that carries it. =OTHER shares the key of OTHER.
make_key() {
    case $2 in
        =*)
            cp "${2#=}.key" "$1.key"
            cp "work/${2#=}.csr" "work/$1.csr"
            return ;;
        ec) set -- "$1" ec ec_paramgen_curve:P-256 ;;
        ec384) set -- "$1" ec ec_paramgen_curve:P-384 ;;
        ec521) set -- "$1" ec ec_paramgen_curve:P-521 ;;
        rsa) set -- "$1" rsa rsa_keygen_bits:2048 ;;
        rsa1024) set -- "$1" rsa rsa_keygen_bits:1024 ;;
        rsa-pss) set -- "$1" rsa-pss rsa_keygen_bits:2048 ;;
        ec256k1) set -- "$1" ec ec_paramgen_curve:secp256k1 ;;
        ed25519) set -- "$1" ed25519 ;;
        ed448) set -- "$1" ed448 ;;
        *) fail "The table asks for an unknown kind of key, $2, for $1." ;;
    esac
    must req -new -newkey "$2" ${3:+-pkeyopt "$3"} -noenc -keyout "$1.key" -out "work/$1.csr"
}

# Flips the last bit of FILE: in a certificate, one of the signature.
flip_last_bit() {
    size=$(wc -c <"$1")
    last=$(tail -c 1 "$1" | od -An -tu1)
    head -c $((size - 1)) "$1" >work/flipped
    printf '%b' "\\0$(printf %o $((last ^ 1)))" >>work/flipped
    mv work/flipped "$1"
}

# make_certificate NAME ISSUER KEY WORD...: a later word wins over an earlier one; "word=" takes away.
make_certificate() {
    name=$1 issuer=$2
    make_key "$name" "$3"
    shift 3
    cn=$name from=-1 to=30 md=sha256 bc='' ku='' eku='' san='' more='' flip=''
    for word; do
        case $word in
            # CAs outlive leaves on both sides, so that a test can move its clock to where "expired" and
            # "not-yet" are good.
            ca) from=-60 to=800 bc=critical,CA:TRUE ku=critical,keyCertSign,cRLSign ;;
            sub) from=-60 to=800 bc=critical,CA:TRUE,pathlen:0 ku=critical,keyCertSign,cRLSign ;;
            server) bc=CA:FALSE ku=critical,digitalSignature eku=serverAuth san=$server_san ;;
            phone) bc=CA:FALSE ku=critical,digitalSignature eku=clientAuth san=$phone_san ;;
            cn=*) cn=${word#*=} ;;
            from=*) from=${word#*=} ;;
            to=*) to=${word#*=} ;;
            md=*) md=${word#*=} ;;
            bc=*) bc=${word#*=} ;;
            ku=*) ku=${word#*=} ;;
            eku=*) eku=${word#*=} ;;
            san=*) san=${word#*=} ;;
            flip) flip=yes ;;
            *=*) more="$more
$word" ;;
            *) fail "The table has an unknown word, $word, for $name." ;;
        esac
    done

    {
        echo "subjectKeyIdentifier=hash"
        [ "$issuer" = self ] || echo "authorityKeyIdentifier=keyid"
        [ -z "$bc" ] || echo "basicConstraints=$bc"
        [ -z "$ku" ] || echo "keyUsage=$ku"
        [ -z "$eku" ] || echo "extendedKeyUsage=$eku"
        [ -z "$san" ] || echo "subjectAltName=$san"
        [ -z "$more" ] || echo "$more"
    } >work/extensions
    serial=$((serial + 1))
    printf '%X\n' "$serial" >work/serial
    : >work/index

    if [ "$issuer" = self ]; then
        set -- -selfsign -keyfile "$name.key"
    else
        set -- -cert "$issuer.pem" -keyfile "$issuer.key"
    fi
    set -- ca -batch -notext "$@" -in "work/$name.csr" -out "$name.pem" -extfile work/extensions \
        -subj "/O=siptls tests/CN=$cn" -md "$md" -startdate "$(moment "$from")" -enddate "$(moment "$to")"
    if [ "$md" = md5 ]; then
        # An openssl that no longer signs with MD5 is no reason to have no PKI.
        run "$@" || {
            rm -f "$name.pem" "$name.key"
            return 0
        }
    else
        must "$@"
    fi

    must x509 -in "$name.pem" -outform DER -out "$name.der"
    if [ "$flip" ]; then
        flip_last_bit "$name.der"
        must x509 -inform DER -in "$name.der" -out "$name.pem"
    fi
    case $issuer in
        self | *root*) cp "$name.pem" "$name.chain.pem" ;;
        *) cat "$name.pem" "$issuer.chain.pem" >"$name.chain.pem" ;;
    esac
}

# make_crl FILE ISSUER WORD...: a CRL by ISSUER. Words that it does not know are extensions.
make_crl() {
    file=$1 issuer=$2 from=-1 to=30 md=sha256 revoked='' more='' flip=''
    shift 2
    for word; do
        case $word in
            from=*) from=${word#*=} ;;
            to=*) to=${word#*=} ;;
            md=*) md=${word#*=} ;;
            revoke=*) revoked=${word#*=} ;;
            flip) flip=yes ;;
            *=*) more="$more
$word" ;;
            *) fail "make_crl does not know the word $word for $file." ;;
        esac
    done
    crls=$((crls + 1))
    printf '%02X\n' $crls >work/crlnumber
    : >work/index
    if [ "$revoked" ]; then
        # "openssl ca -revoke" would date the revocation after the CRL.
        number=$("$openssl" x509 -in "$revoked.pem" -noout -serial)
        until=$(moment 30) since=$(moment -1)
        printf 'R\t%s\t%s,keyCompromise\t%s\tunknown\t/CN=%s\n' \
            "${until#20}" "${since#20}" "${number#serial=}" "$revoked" >work/index
    fi
    cat "$OPENSSL_CONF" - >work/crl.cnf <<CNF
[extensions]
authorityKeyIdentifier = keyid$more
[some-reasons]
onlysomereasons = keyCompromise,CACompromise
CNF
    must ca -config work/crl.cnf -gencrl -cert "$issuer.pem" -keyfile "$issuer.key" -out "$file" \
        -md "$md" -crl_lastupdate "$(moment "$from")" -crl_nextupdate "$(moment "$to")" \
        -crlexts extensions
    if [ "$flip" ]; then
        must crl -in "$file" -outform DER -out work/crl.der
        flip_last_bit work/crl.der
        must crl -inform DER -in work/crl.der -out "$file"
    fi
}

# --- values too long or too odd for the table -----------------------------------------------------------

server_san=URI:sip:example.test,DNS:example.test
phone_san=URI:sip:alice@example.test,DNS:alice.example.test

# SEQUENCE { [2] "example.test\0.attacker.test" }: openssl's own DNS: ends at the NUL.
nul_san=DER:301D821B$(printf 'example.test\0.attacker.test' | od -An -v -tx1 | tr -d ' \n')
empty_san=DER:30028200

many_san=''
i=1
while [ $i -lt 300 ]; do
    many_san=${many_san}DNS:n$i.other.test,
    i=$((i + 1))
done
many_san=${many_san}DNS:example.test

label=a123456789b123456789c123456789d123456789e12345678.
long_san=DNS:$label$label$label$label$label${label%.}x,DNS:example.test # 50 x 6 = 300 characters

padding=5A
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14; do # 2^14 bytes: one more than a TLS record holds, with the rest
    padding=$padding$padding
done
padding=FORMAT:HEX,OCTETSTRING:$padding

# --- the table ------------------------------------------------------------------------------------------

serial=4096 # the first certificate is 1001 in hex
while read -r name issuer key words; do
    # shellcheck disable=SC2086 # words are words; set -f keeps the * of a wildcard
    case $name in
        '' | '#'*) ;;
        *) make_certificate "$name" "$issuer" "$key" $words ;;
    esac
done <<TABLE
# name                  issuer                  key         words

root                    self                    ec          ca
root-rsa                self                    rsa         ca
root-ed25519            self                    ed25519     ca
root-expired            self                    ec          ca to=-1
other-root              self                    ec          ca

int                     root                    ec          sub
int-rsa                 root-rsa                rsa         sub
int-ed25519             root-ed25519            ed25519     sub
int-expired             root                    ec          sub to=-1
int-notca               root                    ec          sub bc=critical,CA:FALSE
int-nobc                root                    ec          sub bc=
int-nosign              root                    ec          sub ku=critical,digitalSignature,cRLSign
int2                    int                     ec          sub
int-nc                  root                    ec          sub nameConstraints=critical,permitted;DNS:example.test
int-eku-client          root                    ec          sub eku=clientAuth
int-unknown-critical    root                    ec          sub 1.3.6.1.4.1.32473.1=critical,ASN1:NULL

server                  int                     ec          server
server-rsa              int-rsa                 rsa         server ku=critical,digitalSignature,keyEncipherment
server-p384             int                     ec384       server
server-p521             int                     ec521       server
server-ed25519          int                     ed25519     server
server-pss              int                     rsa-pss     server
peer-both               int                     ec          server eku=serverAuth,clientAuth

phone                   int                     ec          phone
phone-rsa               int-rsa                 rsa         phone
phone-ed448             int                     ed448       phone
phone-ec256k1           int                     ec256k1     phone
phone-expired           int                     ec          phone from=-30 to=-1
phone-other             other-root              ec          phone
phone-self-signed       self                    ec          phone

expired                 int                     ec          server from=-30 to=-1
not-yet                 int                     ec          server from=365 to=395

wrong-domain            int                     ec          server san=URI:sip:other.test,DNS:other.test
uri-only                int                     ec          server san=URI:sip:example.test cn=proxy1.example.net
dns-only                int                     ec          server san=DNS:example.test
cn-only                 int                     ec          server san= cn=example.test
cn-and-other-san        int                     ec          server san=DNS:other.test cn=example.test
wildcard                int                     ec          server san=DNS:*.example.test
ip                      int                     ec          server san=IP:127.0.0.1,IP:::1
localhost               int                     ec          server san=DNS:localhost
uri-and-dns-differ      int                     ec          server san=URI:sip:other.test,DNS:example.test
sips-uri                int                     ec          server san=URI:sips:example.test
uri-user                int                     ec          server san=URI:sip:alice@example.test
uri-port                int                     ec          server san=URI:sip:example.test:5061;transport=tls
uri-upper               int                     ec          server san=URI:SIP:EXAMPLE.TEST
nul-in-dns              int                     ec          server san=$nul_san
san-300                 int                     ec          server san=$many_san
san-empty-name          int                     ec          server san=$empty_san cn=example.test
trailing-dot            int                     ec          server san=DNS:example.test.
long-name               int                     ec          server san=$long_san

eku-none                int                     ec          server eku=
eku-client              int                     ec          server eku=clientAuth
eku-any                 int                     ec          server eku=anyExtendedKeyUsage
eku-sip                 int                     ec          server eku=1.3.6.1.5.5.7.3.20
eku-wrong               int                     ec          server eku=codeSigning
ku-none-signing         int                     ec          server ku=critical,keyEncipherment
ca-as-leaf              int                     ec          server bc=critical,CA:TRUE ku=critical,digitalSignature,keyCertSign

rsa1024                 int-rsa                 rsa1024     server
sha1                    int-rsa                 =server-rsa server md=sha1
md5                     int-rsa                 =server-rsa server md=md5

direct                  root                    ec          server
self-signed             self                    ec          server
via-notca               int-notca               ec          server
via-nobc                int-nobc                ec          server
via-nosign              int-nosign              ec          server
via-int2                int2                    ec          server
via-nc                  int-nc                  ec          server
via-nc-violated         int-nc                  ec          server san=URI:sip:example.test,DNS:other.test
via-eku-client          int-eku-client          ec          server
via-unknown-critical    int-unknown-critical    ec          server
via-int-expired         int-expired             ec          server from=-30
via-root-expired        root-expired            ec          server from=-30
via-ed25519             int-ed25519             ec          server
unknown-critical        int                     ec          server 1.3.6.1.4.1.32473.1=critical,ASN1:NULL
bad-signature           int                     ec          server flip
big                     int                     ec          server 1.3.6.1.4.1.32473.2=ASN1:$padding

revoked                 int                     ec          server
TABLE

# --- CRLs -----------------------------------------------------------------------------------------------

crls=0
idp=issuingDistributionPoint=critical
make_crl crl-int.pem int
make_crl crl-int-revoked.pem int revoke=revoked
make_crl crl-root.pem root
make_crl crl-int-phone.pem int revoke=phone
make_crl crl-root-revoked.pem root revoke=int
make_crl crl-int-expired.pem int from=-10 to=-1
make_crl crl-int-not-yet.pem int from=1
make_crl crl-int-bad-signature.pem int flip
make_crl crl-int-sha1.pem int md=sha1
make_crl crl-int-users.pem int $idp,onlyuser:TRUE
make_crl crl-int-cas.pem int $idp,onlyCA:TRUE
make_crl crl-int-some-reasons.pem int $idp,@some-reasons
make_crl crl-int-indirect.pem int $idp,indirectCRL:TRUE
make_crl crl-int-delta.pem int 2.5.29.27=critical,DER:020101
make_crl crl-int-delta-revoked.pem int 2.5.29.27=critical,DER:020101 revoke=revoked
make_crl crl-int-critical.pem int 1.3.6.1.4.1.32473.1=critical,ASN1:NULL
must crl -in crl-int.pem -outform DER -out crl-int.der
cat crl-int.pem crl-root.pem >crl-two.pem
cat crl-int.pem int.pem >crl-and-certificate.pem

# --- other forms of two keys ----------------------------------------------------------------------------

must pkcs8 -topk8 -nocrypt -in server.key -outform DER -out server.key.der
must pkey -in server.key -traditional -out server.key.sec1.pem
must pkey -in server-rsa.key -traditional -out server-rsa.key.pkcs1.pem
must pkey -in server-rsa.key -traditional -outform DER -out server-rsa.key.pkcs1.der
must pkey -in server.key -traditional -aes-128-cbc -passout pass:$password -out server.key.legacy.pem
for name in server server-rsa; do
    must pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -passout pass:$password \
        -in $name.key -out $name.key.enc.pem
done
# A password that is nowhere by chance.
must pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 -passout "pass:pässwört €" -in server.key -out server.key.umlaut.pem

# --- PKCS#12 ---------------------------------------------------------------------------------------------

# make_pkcs12 NAME KEY-NAME OPTION...: NAME.p12 with certificate and key. Few iterations, as tests open it often.
make_pkcs12() {
    file=$1.p12 of=$2
    shift 2
    must pkcs12 -export -out "$file" -iter 300 -in "$of.pem" -inkey "$of.key" "$@"
}
cat int.pem root.pem >work/issuers.pem
secret="-passout pass:$password"
# shellcheck disable=SC2086 # words are words
{
    make_pkcs12 modern server -certfile work/issuers.pem $secret -name "The door"
    make_pkcs12 rsa server-rsa $secret
    make_pkcs12 triple-des server -certfile int.pem $secret -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1
    make_pkcs12 two-key-des server $secret -keypbe PBE-SHA1-2DES -certpbe PBE-SHA1-2DES
    make_pkcs12 des-pbes2 server $secret -keypbe DES-EDE3-CBC -certpbe DES-EDE3-CBC
    make_pkcs12 aes-128 server $secret -keypbe AES-128-CBC -certpbe AES-192-CBC -macalg sha512
    make_pkcs12 no-mac server -certfile int.pem $secret -nomac
    make_pkcs12 key-open server $secret -keypbe NONE
    make_pkcs12 no-cipher server $secret -keypbe NONE -certpbe NONE
    make_pkcs12 nothing server -passout pass: -keypbe NONE -certpbe NONE -nomac
    make_pkcs12 empty-password server -certfile int.pem -passout pass:
    make_pkcs12 empty-triple-des server -passout pass: -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -nomac
    make_pkcs12 umlaut server -passout "pass:pässwört €" -keypbe PBE-SHA1-3DES -certpbe AES-256-CBC
    make_pkcs12 other-leaf phone -certfile server.pem $secret
    make_pkcs12 expired expired $secret
    must pkcs12 -export -out key-only.p12 -iter 300 -nocerts -inkey server.key $secret
    must pkcs12 -export -out no-key.p12 -iter 300 -nokeys -in work/issuers.pem $secret
    # RC2 lives in openssl's legacy provider, which not every machine has.
    run pkcs12 -export -legacy -in server.pem -inkey server.key -out rc2.p12 $secret || rm -f rc2.p12
}

# --- odd and broken files -------------------------------------------------------------------------------

half() {
    head -c $(($(wc -c <"$1") / 2)) "$1"
}
half server.pem >trunc.pem
half server.der >trunc.der
half modern.p12 >trunc.p12
: >empty.pem
head -c 4096 /dev/zero >work/zeros
must enc -aes-128-ctr -K 73697074 -iv 0 -in work/zeros -out garbage.bin
awk '{ printf "%s\r\n", $0 }' server.pem >crlf.pem
{ printf '\357\273\277' && cat server.pem; } >bom.pem
{ head -c 200 server.pem && printf '\0' && tail -c +202 server.pem; } >nul.pem
{ cat server.der && printf '\0'; } >trailing.der
cp server.key key-as-cert.pem
cat root.pem int.pem >two.pem
must x509 -in server.pem -text -out text-before.pem
sed '3s/^./!/' server.pem >bad-base64.pem
sed '$d' server.pem >no-end.pem
cat root.pem bad-base64.pem other-root.pem >mixed-bundle.pem

# --- publish --------------------------------------------------------------------------------------------

rm -rf work
set +f
chmod 644 -- *
chmod 600 -- *.key *.key.* *.p12
{
    printf '%s\n%s\n' "$checksum" "$now $((now + 30 * day))"
    ls
} >.stamp
cd /
[ ! -e "$dir" ] || mv "$dir" "$old"
mv "$new" "$dir"
rm -rf "$old"
