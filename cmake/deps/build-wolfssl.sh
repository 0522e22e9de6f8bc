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
# The padding is the room of a ticket for a client's certificates; see patch_tickets().
defines="
    -DKEEP_PEER_CERT -DKEEP_OUR_CERT -DHAVE_EX_DATA
    -DWOLFSSL_ALWAYS_VERIFY_CB -DWOLFSSL_VERIFY_CB_ALL_CERTS
    -DWOLFSSL_ALWAYS_KEEP_SNI -DHAVE_SECRET_CALLBACK -DHAVE_EXT_CACHE -DWOLFSSL_TICKET_HAVE_ID
    -DMAX_CHAIN_DEPTH=16 -DMAX_CERTIFICATE_SZ=102400 -DMAX_HANDSHAKE_SZ=102528
    -DWOLFSSL_MAX_ALT_NAMES=1024 -DWOLFSSL_ALERT_COUNT_MAX=255 -DUSE_ECC_B_PARAM
    -DWOLFSSL_TICKET_EXTRA_PADDING_SZ=4608 -DSIPTLS_STATIC_TICKET_LEN=288"

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

# wolfSSL keeps room for the longest ticket in every session, and so in every connection; and a client that
# offers a longer one, of another server, gets an alert. Here a session has room for a short ticket, as with
# wolfSSL's own padding, and longer ones are allocated (as wolfSSL does for those of foreign servers); a ticket
# that is not good leads to a full handshake and, in TLS 1.2 too, to a new ticket; the length inside a ticket is believed only if it is right (else
# wolfSSL reads behind the ticket); and one that is offered need not fit into the buffers for the names of
# pre-shared keys. Whether a client tells a ticket's age right matters to early data alone, which no server of siptls
# takes; and one that makes ten thousand clients wait longer than 11 s would refuse all their tickets. How old a ticket
# may be is the core's to say. A server of TLS 1.2 that has opened a ticket and does not resume after all forgets that the
# ticket said who the client is: else a CertificateVerify counts that it cannot check.
patch_tickets() {
    local copied
    replace_once wolfssl/internal.h 'staticTicket[SESSION_TICKET_LEN];' 'staticTicket[SIPTLS_STATIC_TICKET_LEN];'
    step sed -i 's/\([^_]\)SESSION_TICKET_LEN/\1SIPTLS_STATIC_TICKET_LEN/' src/ssl_sess.c
    replace_once src/ssl.c 'if (bufSz <= SESSION_TICKET_LEN)' 'if (bufSz <= SIPTLS_STATIC_TICKET_LEN)'
    replace_once src/internal.c 'WOLFSSL_ASSERT_SIZEOF_GE(ssl->session->staticTicket, *et);' ''
    replace_once src/internal.c 'et = (ExternalTicket*)ssl->session->ticket;' \
        'et = (ExternalTicket*)XMALLOC(sizeof(*et), NULL, DYNAMIC_TYPE_SESSION_TICK);
        if (et == NULL)
            return MEMORY_E;
        ssl->session->ticket = (byte*)et;
        ssl->session->ticketLenAlloc = (word16)sizeof(*et);'
    replace_once src/internal.c '(word16)(encLen + WOLFSSL_TICKET_FIXED_SZ);' \
        '(word16)(encLen + WOLFSSL_TICKET_FIXED_SZ);
        et = (ExternalTicket*)XREALLOC(et, ssl->session->ticketLen, NULL, DYNAMIC_TYPE_SESSION_TICK);
        if (et != NULL) {
            ssl->session->ticket = (byte*)et;
            ssl->session->ticketLenAlloc = ssl->session->ticketLen;
        }'
    replace_once src/internal.c 'if (inLen > WOLFSSL_TICKET_ENC_SZ) {' \
        'if (inLen > WOLFSSL_TICKET_ENC_SZ || inLen != len - WOLFSSL_TICKET_FIXED_SZ) {'
    replace_once src/tls.c 'if (length > SESSION_TICKET_LEN) {' \
        'if (length > SESSION_TICKET_LEN)
            length = 0;
        if (0) {'
    replace_once src/tls.c 'WOLFSSL_MSG("Process client ticket rejected, not using");' \
        'WOLFSSL_MSG("Process client ticket rejected, creating new one");
                if (TLSX_UseSessionTicket(&ssl->extensions, NULL, ssl->heap) == WOLFSSL_SUCCESS) {
                    TLSX_SetResponse(ssl, TLSX_SESSION_TICKET);
                    ssl->options.createTicket = 1;
                    ssl->options.useTicket    = 1;
                    ssl->options.resuming     = 0;
                    ssl->arrays->sessionIDSz  = 0;
                }'
    replace_once src/tls.c 'if (sess->ticketLen > MAX_PSK_ID_LEN) {' 'if (sess->ticketLen > 16384) {'
    replace_once src/tls.c 'identityLen > MAX_PSK_ID_LEN)' '0)'
    replace_once src/internal.c 'if (diff < -1000 || diff - MAX_TICKET_AGE_DIFF * 1000 > 1000)' 'if (0)'
    step sed -i '/^    int HandleTlsResumption(WOLFSSL/,/^    }/ {
        s/\( *\)ssl->options.resuming = 0;/&\n\1ssl->options.peerAuthGood = 0;/
        }' src/internal.c
    [ "$(grep -A1 'ssl->options.resuming = 0;' src/internal.c | grep -c 'ssl->options.peerAuthGood = 0;')" = 3 ] || die \
        "siptls: src/internal.c has changed; this version of wolfSSL needs a new patch in cmake/deps/build-$lib.sh."
    copied=$(grep -c 'ssl->arrays->client_identity' src/tls13.c)
    step sed -i '/if (current->identityLen > MAX_PSK_ID_LEN) {/,/client_identity\[current->identityLen\] =/d' \
        src/tls13.c
    [ "$(grep -c 'ssl->arrays->client_identity' src/tls13.c)" = $((copied - 2)) ] || die \
        "siptls: src/tls13.c has changed; this version of wolfSSL needs a new patch in cmake/deps/build-$lib.sh."
}

# With WOLFSSL_VALIDATE_ECC_IMPORT the point of a peer would be multiplied by the order of the group as well, which
# costs a server as much as the rest of its handshake, and says nothing new where the cofactor is 1.
patch_points() {
    step sed -i '/^int wc_ecc_import_x963_ex(/,/^}/ {
        s/#ifdef WOLFSSL_VALIDATE_ECC_IMPORT/#ifdef USE_ECC_B_PARAM/
        s/err = wc_ecc_check_key(key);/err = wc_ecc_point_is_on_curve(\&key->pubkey, key->idx);/
        }' wolfcrypt/src/ecc.c
    [ "$(grep -c 'wc_ecc_point_is_on_curve(&key->pubkey, key->idx)' wolfcrypt/src/ecc.c)" = 1 ] || die \
        "siptls: wolfcrypt/src/ecc.c has changed; this version of wolfSSL needs a new patch in cmake/deps/build-$lib.sh."
}

# The round keys of a connection's records, of which the first is the key, stayed in memory that is given back.
patch_keys() {
    step sed -i '/^void wc_AesFree(Aes\* aes)/,/^}/ s/^}/    ForceZero(aes, sizeof(Aes));\n}/' wolfcrypt/src/aes.c
    [ "$(grep -c '^    ForceZero(aes, sizeof(Aes));$' wolfcrypt/src/aes.c)" = 1 ] || die \
        "siptls: wolfcrypt/src/aes.c has changed; this version of wolfSSL needs a new patch in cmake/deps/build-$lib.sh."
}

build() {
    local math
    case $machine$sanitize in
    x86_64) math="--enable-intelasm --enable-sp=yes,asm --enable-sp-asm --enable-sp-math-all" ;;
    # Plain C elsewhere: the assembly for ARM needs instructions that not every board has.
    *) math="--enable-sp=yes --enable-sp-math-all" ;;
    esac

    fetch_source wolfssl
    require_version "${version%%-*}" 5.7
    step dpkg-source --no-check -x wolfssl_*.dsc tree # keeps Debian's security patches; apt checked the files
    cd tree
    patch_tickets
    patch_points
    patch_keys
    say "building wolfSSL $version from Debian's source package, about 60 s (log: $log)"
    # Files that the build system of a release expects and the tarball does not hold.
    touch wolfssl/options.h wolfssl/wolfcrypt/fips.h
    touch wolfcrypt/src/{fips,fips_test,wolfcrypt_first,wolfcrypt_last,selftest}.c
    step autoreconf -fi
    # shellcheck disable=SC2086
    step env CFLAGS="-O3 -fstack-protector-strong $sanitize ${defines//$'\n'/ }" ./configure --prefix="$prefix" \
        --libdir="$prefix/lib" $options $math
    step make -j "$jobs"
    step make install DESTDIR="$stage"
    step install -m 644 COPYING -D "$stage$prefix/share/doc/wolfssl/COPYING"
}

deps_main build-wolfssl.sh build "$@"
