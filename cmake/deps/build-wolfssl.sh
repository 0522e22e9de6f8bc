#!/usr/bin/env bash
# Build wolfSSL, static, from Debian's source package, with the options siptls wants.
# shellcheck source-path=SCRIPTDIR disable=SC1091,SC2034,SC2154,SC2164 # common.sh's variables, its set -e
lib=wolfssl
title=wolfSSL
root_variable=wolfssl_ROOT
. "$(dirname "$0")/common.sh"

need_tool apt-get apt
need_tool dpkg-source dpkg-dev
need_tool xz xz-utils
need_tool autoconf autoconf
need_tool automake automake
need_tool libtoolize libtool
need_tool cc build-essential
need_tool make build-essential

# Everything defined here reaches the library's users through the installed wolfssl/options.h.
# HAVE_SECRET_CALLBACK and not --enable-keylog-export: that writes every process's secrets to a file.
# The certificate limits are those of the other two libraries: 16 certificates, messages up to 100 KB.
defines="
    -DKEEP_PEER_CERT -DKEEP_OUR_CERT -DHAVE_EX_DATA
    -DWOLFSSL_ALWAYS_VERIFY_CB -DWOLFSSL_VERIFY_CB_ALL_CERTS
    -DWOLFSSL_ALWAYS_KEEP_SNI -DHAVE_SECRET_CALLBACK -DHAVE_EXT_CACHE -DWOLFSSL_TICKET_HAVE_ID
    -DMAX_CHAIN_DEPTH=16 -DMAX_CERTIFICATE_SZ=102400 -DMAX_HANDSHAKE_SZ=102528
    -DWOLFSSL_MAX_ALT_NAMES=1024"

# --disable-sessioncerts: the chain kept in every session would cost 37 KB per connection.
# --enable-des3: for reading old encrypted keys only; its cipher suites stay off.
options="
    --enable-static --disable-shared --with-pic --disable-examples --disable-crypttests
    --enable-opensslcoexist --disable-oldnames --enable-harden --enable-errorstrings
    --enable-tls13 --disable-oldtls
    --enable-dtls --enable-dtls13 --enable-dtlscid --enable-dtls-mtu --enable-dtls-frag-ch
    --enable-hrrcookie --enable-srtp
    --enable-alpn --enable-sni --enable-session-ticket --enable-ticket-nonce-malloc
    --enable-extended-master --enable-maxfragment --enable-supportedcurves
    --enable-crl --enable-ocsp --enable-ocspstapling --enable-ocspstapling2
    --enable-psk --enable-keying-material --enable-earlydata
    --disable-secure-renegotiation --enable-secure-renegotiation-info
    --disable-sessioncerts --enable-savesession --enable-pkcallbacks --enable-context-extra-user-data
    --enable-ip-alt-name --enable-certext --enable-altcertchains
    --enable-enckeys --enable-des3 --enable-pkcs12 --enable-pwdbased
    --enable-curve25519 --enable-ed25519 --enable-rsapss --enable-ecc --enable-eccencrypt=no
    --enable-aesgcm --enable-aesccm --enable-chacha --enable-poly1305
    --enable-sha384 --enable-sha512 --disable-dh"

build() {
    local math
    case $machine in
    x86_64) math="--enable-intelasm --enable-sp=yes,asm --enable-sp-asm --enable-sp-math-all" ;;
    # Plain C elsewhere: the assembly for ARM needs instructions that not every board has.
    *) math="--enable-sp=yes --enable-sp-math-all" ;;
    esac

    fetch_source wolfssl
    require_version "${version%%-*}" 5.7
    step dpkg-source --no-check -x wolfssl_*.dsc tree # keeps Debian's security patches; apt checked the files
    cd tree
    say "building wolfSSL $version from Debian's source package, about 60 s (log: $log)"
    # Files that the build system of a release expects and the tarball does not hold.
    touch wolfssl/options.h wolfssl/wolfcrypt/fips.h
    touch wolfcrypt/src/{fips,fips_test,wolfcrypt_first,wolfcrypt_last,selftest}.c
    step autoreconf -fi
    # shellcheck disable=SC2086
    step env CFLAGS="-O3 -fstack-protector-strong ${defines//$'\n'/ }" ./configure --prefix="$prefix" \
        --libdir="$prefix/lib" $options $math
    step make -j "$jobs"
    step make install DESTDIR="$stage"
    step install -m 644 COPYING -D "$stage$prefix/share/doc/wolfssl/COPYING"
}

deps_main build-wolfssl.sh build "$@"
