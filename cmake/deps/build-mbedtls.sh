#!/usr/bin/env bash
# Build mbedTLS 3.6, static, from Debian's source package, with the options siptls wants.
# shellcheck source-path=SCRIPTDIR disable=SC1091,SC2034,SC2154,SC2164 # common.sh's variables, its set -e
lib=mbedtls
title=mbedTLS
root_variable=MbedTLS_ROOT
. "$(dirname "$0")/common.sh"

need_tool apt-get apt
need_tool bzip2 bzip2
need_tool python3 python3
need_tool cmake cmake
need_tool cc build-essential
need_tool make build-essential

# What upstream's default configuration lacks.
options_on="
    MBEDTLS_SSL_DTLS_SRTP
    MBEDTLS_SSL_RECORD_SIZE_LIMIT
    MBEDTLS_SSL_EARLY_DATA
    MBEDTLS_SSL_ASYNC_PRIVATE
    MBEDTLS_X509_TRUSTED_CERTIFICATE_CALLBACK
    MBEDTLS_THREADING_C
    MBEDTLS_THREADING_PTHREAD
    MBEDTLS_PLATFORM_MEMORY
    MBEDTLS_PLATFORM_TIME_ALT
    MBEDTLS_ECDH_VARIANT_EVEREST_ENABLED
    MBEDTLS_PSA_ASSUME_EXCLUSIVE_BUFFERS"
options_value="
    MBEDTLS_MPI_WINDOW_SIZE=4
    MBEDTLS_SSL_OUT_CONTENT_LEN=8192
    MBEDTLS_X509_MAX_INTERMEDIATE_CA=16"
options_off="
    MBEDTLS_SSL_RENEGOTIATION
    MBEDTLS_KEY_EXCHANGE_ECDH_ECDSA_ENABLED
    MBEDTLS_KEY_EXCHANGE_ECDH_RSA_ENABLED
    MBEDTLS_KEY_EXCHANGE_RSA_PSK_ENABLED
    MBEDTLS_SELF_TEST
    MBEDTLS_PADLOCK_C"

configure_options() {
    local o
    [ -z "$sanitize" ] || options_off="$options_off MBEDTLS_HAVE_ASM MBEDTLS_AESNI_C"
    for o in $options_on; do step python3 scripts/config.py set "$o"; done
    for o in $options_value; do step python3 scripts/config.py set "${o%%=*}" "${o#*=}"; done
    for o in $options_off; do step python3 scripts/config.py unset "$o"; done
}

# The two places where a certificate of the peer is read call our function instead (why: mbedtls-parse-hook.h).
# The macro in the installed configuration tells the backend that this build has it.
apply_parse_hook() {
    local config=include/mbedtls/mbedtls_config.h f
    cp "$here/mbedtls-parse-hook.h" library/siptls_parse_hook.h
    for f in library/ssl_tls.c library/ssl_tls13_generic.c; do
        replace_once $f '#include "ssl_misc.h"' '#include "ssl_misc.h"
#include "siptls_parse_hook.h"'
    done
    replace_once library/ssl_tls.c \
        'ret = mbedtls_x509_crt_parse_der(chain, ssl->in_msg + i, n);' \
        'ret = siptls_parse_peer_certificate(chain, ssl->in_msg + i, n);'
    replace_once library/ssl_tls13_generic.c \
        'ret = mbedtls_x509_crt_parse_der(ssl->session_negotiate->peer_cert,' \
        'ret = siptls_parse_peer_certificate(ssl->session_negotiate->peer_cert,'
    printf '\n/* siptls: this build has the parse hook of cmake/deps/mbedtls-parse-hook.h */\n%s\n' \
        '#define SIPTLS_MBEDTLS_PARSE_HOOK' >>$config
}

# A TLS 1.2 client offers RSA-PSS when it also speaks TLS 1.3, and then refuses a server that takes the offer
# (RFC 8446 section 4.2.3 allows PSS in TLS 1.2). The macro tells the backend that this build accepts it.
apply_pss_in_tls12() {
    replace_once library/ssl_tls12_client.c \
        'if (!mbedtls_ssl_sig_alg_is_supported(ssl, sig_alg)) {' \
        'if (*pk_alg != MBEDTLS_PK_RSASSA_PSS && !mbedtls_ssl_sig_alg_is_supported(ssl, sig_alg)) {'
    printf '\n/* siptls: a TLS 1.2 client of this build accepts RSA-PSS from the server */\n%s\n' \
        '#define SIPTLS_MBEDTLS_PSS_IN_TLS1_2' >>include/mbedtls/mbedtls_config.h
}

# When random numbers are drawn from the system again, the digest in which they are gathered is begun again where it
# is, not freed and allocated anew: without memory for that, the next use of it ends the process.
keep_accumulator() {
    step sed -i '/^int mbedtls_entropy_func/,/^}/ {
        /mbedtls_md_free(&ctx->accumulator);/,/ret = mbedtls_md_starts(&ctx->accumulator);/ {
            /mbedtls_md_starts/!d
        }
    }' library/entropy.c
    [ "$(grep -c 'mbedtls_md_setup(&ctx->accumulator' library/entropy.c)/$(grep -c \
        'mbedtls_md_starts(&ctx->accumulator' library/entropy.c)" = 1/2 ] || die \
        "siptls: library/entropy.c has changed; this version of $title needs a new patch in cmake/deps/build-$lib.sh."
}

build() {
    local flags="-O2 -fstack-protector-strong $sanitize"
    # The library still asks the processor before it uses AES-NI; the flags let the compiler emit it at all.
    [ "$machine" != x86_64 ] || flags="$flags -maes -mpclmul -msse4.1"

    # Upstream's tarball alone: one of Debian's patches removes 3rdparty/, and with it the fast X25519.
    fetch_source mbedtls --tar-only
    require_version "${version%%-*}" 3.6
    mkdir tree
    step tar xjf mbedtls_*.orig.tar.bz2 -C tree --strip-components=1
    cd tree
    configure_options
    apply_parse_hook
    apply_pss_in_tls12
    keep_accumulator
    say "building mbedTLS $version from Debian's source package, about 20 s (log: $log)"
    step cmake -S . -B b -G "Unix Makefiles" -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS="$flags" \
        -DCMAKE_POSITION_INDEPENDENT_CODE=ON -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib \
        -DUSE_STATIC_MBEDTLS_LIBRARY=ON -DUSE_SHARED_MBEDTLS_LIBRARY=OFF -DENABLE_PROGRAMS=OFF \
        -DENABLE_TESTING=OFF -DGEN_FILES=OFF -DMBEDTLS_FATAL_WARNINGS=OFF
    step cmake --build b -j "$jobs"
    step env DESTDIR="$stage" cmake --install b
    step install -m 644 LICENSE -D "$stage$prefix/share/doc/mbedtls/LICENSE"
}

deps_main "build-mbedtls.sh mbedtls-parse-hook.h" build "$@"
