#!/usr/bin/env bash
# Build OpenSSL 3.5, static, from Debian's source package. Optional: the system's OpenSSL >= 3.0 will do, this one
# makes more handshakes.
# shellcheck source-path=SCRIPTDIR disable=SC1091,SC2034,SC2154,SC2164 # common.sh's variables, its set -e
lib=openssl
title=OpenSSL
root_variable=OPENSSL_ROOT_DIR
. "$(dirname "$0")/common.sh"

need_tool apt-get apt
need_tool dpkg-source dpkg-dev
need_tool xz xz-utils
need_tool perl perl
need_tool cc build-essential
need_tool make build-essential

options="no-shared no-tests no-docs no-apps no-module no-legacy no-engine no-dso no-comp no-ssl3
    no-weak-ssl-ciphers no-idea no-seed no-mdc2 no-rc2 no-rc4 no-whirlpool no-bf no-cast enable-ktls"

build() {
    local target=linux-$machine
    [ "$machine" != x86_64 ] || options="$options enable-ec_nistp_64_gcc_128"

    fetch_source openssl
    require_version "${version%%-*}" 3.5
    step dpkg-source --no-check -x openssl_*.dsc tree
    cd tree
    say "building OpenSSL $version from Debian's source package, about 2 minutes (log: $log)"
    # shellcheck disable=SC2086
    step ./Configure "$target" -O3 -fPIC -fstack-protector-strong $options --prefix="$prefix" --libdir=lib \
        --openssldir=/etc/ssl
    step make -j "$jobs" build_sw
    step make install_dev DESTDIR="$stage"
    step install -m 644 LICENSE.txt -D "$stage$prefix/share/doc/openssl/LICENSE.txt"
}

deps_main build-openssl.sh build "$@"
