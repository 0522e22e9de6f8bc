#!/bin/sh
# make-pki.sh DIR: the certificates of the benchmark, made once, and again when they are about to expire.
#
# For each kind of key (p256, rsa, ed25519), all certificates of a chain having that kind:
#   KIND-root.pem  KIND-server1.pem, KIND-server2.pem: a server's chain with 1 and with 2 intermediates, leaf first, and
#   KIND-phone1.pem, KIND-phone2.pem: a client's; each with its .key. The root is not in the chains.
#   KIND-server1.both, KIND-phone1.both: chain and key in one file.
# NAME.sofia: a folder with the files of NAME.pem under the names that sofia-sip looks for.
# roots150.pem: p256-root and 149 others.
# Needs the openssl command, 3.0 or newer.
set -eu
dir=${1:?Say where to make the certificates: make-pki.sh DIR.}
[ -f "$dir/made" ] && [ "$(cksum <"$0")" = "$(cat "$dir/made")" ] &&
    openssl x509 -checkend 86400 -noout -in "$dir/ed25519-phone2.pem" >/dev/null && exit 0
rm -rf "$dir"
mkdir -p "$dir"
cd "$(dirname "$0")" && self=$PWD/$(basename "$0") && cd - >/dev/null
cd "$dir"

# certificate NAME ISSUER SUBJECT EXTENSION...: ISSUER "-": itself
certificate() {
    name=$1 issuer=$2 subject=$3
    shift 3
    extensions=
    for extension; do extensions="$extensions -addext $extension"; done
    [ "$issuer" = - ] || extensions="$extensions -CA $issuer.crt -CAkey $issuer.key"
    # shellcheck disable=SC2086 # lists of words
    openssl req -x509 $new_key -noenc -keyout "$name.key" -out "$name.crt" -days 365 -subj "/O=siptls bench/CN=$subject" \
        -config empty.cnf -addext subjectKeyIdentifier=hash $extensions 2>log || { cat log >&2; exit 1; }
}

printf '[req]\ndistinguished_name = dn\n[dn]\n' >empty.cnf
for kind in p256 rsa ed25519; do
    case $kind in
    p256) new_key="-newkey ec -pkeyopt ec_paramgen_curve:P-256" ;;
    rsa) new_key="-newkey rsa:2048" ;;
    ed25519) new_key="-newkey ed25519" ;;
    esac
    ca="basicConstraints=critical,CA:TRUE keyUsage=critical,keyCertSign,cRLSign"
    # shellcheck disable=SC2086
    {
        certificate $kind-root - "$kind root" $ca
        certificate $kind-int1 $kind-root "$kind intermediate 1" $ca
        certificate $kind-int2 $kind-int1 "$kind intermediate 2" $ca
    }
    cp $kind-root.crt $kind-root.pem
    for n in 1 2; do
        usage="basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature"
        # shellcheck disable=SC2086
        {
            certificate $kind-server$n $kind-int$n example.test $usage extendedKeyUsage=serverAuth \
                subjectAltName=DNS:example.test
            certificate $kind-phone$n $kind-int$n alice $usage extendedKeyUsage=clientAuth \
                subjectAltName=DNS:alice.example.test
        }
    done
    for who in server phone; do
        cat $kind-${who}1.crt $kind-int1.crt >$kind-${who}1.pem
        cat $kind-${who}1.pem $kind-${who}1.key >$kind-${who}1.both
        cat $kind-${who}2.crt $kind-int2.crt $kind-int1.crt >$kind-${who}2.pem
    done
done

# As many trusted certificates as a system has, most of them RSA, and the one that counts among them.
cp p256-root.pem roots150.pem
n=1
while [ $n -lt 150 ]; do
    openssl req -x509 -key rsa-root.key -days 365 -subj "/O=siptls bench/CN=another root $n" -config empty.cnf \
        -addext subjectKeyIdentifier=hash -addext basicConstraints=critical,CA:TRUE >>roots150.pem
    n=$((n + 1))
done
# To its certificate a server of sofia-sip adds the issuers that it finds in cafile.pem.
mkdir p256-server1.sofia roots150.sofia ed25519-root.sofia
cp p256-server1.both p256-server1.sofia/agent.pem
cp p256-int1.crt p256-server1.sofia/cafile.pem
cp roots150.pem roots150.sofia/cafile.pem
cp ed25519-root.pem ed25519-root.sofia/cafile.pem
rm -f ./*.crt empty.cnf log
cksum <"$self" >made
