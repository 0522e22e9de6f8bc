#!/usr/bin/env bash
# Install siptls into a temporary folder and use it from there as a stranger would: by pkg-config and by
# find_package, shared and static. Also: what the libraries export. Run by CTest, or by hand:
#     SIPTLS_BUILD_DIR=build/default tests/install/run.sh
# shellcheck disable=SC2317 # functions are called through check()
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
build=${SIPTLS_BUILD_DIR:?SIPTLS_BUILD_DIR must name the build tree}
build=$(cd "$build" && pwd)

if [ -n "${SIPTLS_SANITIZE:-}" ]; then
    echo "a library built with sanitizers is not one to install"
    exit 77
fi
for tool in cmake cc pkg-config nm; do
    command -v $tool >/dev/null || {
        echo "$tool is not installed"
        exit 77
    }
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

check() { # check NAME COMMAND...
    local name=$1
    shift
    if "$@" >"$work/out" 2>&1; then
        echo "ok: $name"
    else
        echo "FAILED: $name"
        cat "$work/out"
        failed=1
    fi
}

runs() { # runs PROGRAM: it starts, and says the version
    LD_LIBRARY_PATH=$libdir "$1" | grep -E '^siptls [0-9]+\.[0-9]+'
}

# A staged installation (DESTDIR), used where it lies: nothing in it may name the build tree or the final prefix.
DESTDIR=$work/root cmake --install "$build" --prefix /opt/siptls >"$work/out" 2>&1 || {
    cat "$work/out"
    exit 1
}
prefix=$work/root/opt/siptls
pc=$(find "$prefix" -name siptls.pc)
libdir=$(dirname "$(dirname "$pc")")
export PKG_CONFIG_PATH=$libdir/pkgconfig

no_build_paths() {
    ! grep -rlF "$build" "$prefix" --include='*.pc' --include='*.cmake' --include='*.h'
}
check "installed files do not name the build tree" no_build_paths

if [ -x "${SIPTLS_TOOL:-}" ]; then
    check "the completion for bash is where bash-completion looks for it" \
        grep -q 'complete -F _siptls siptls' "$prefix/share/bash-completion/completions/siptls"
fi

# The example of the README, word for word but for where the trusted certificates come from.
readme_example() {
    local server port='' result=0
    # shellcheck disable=SC2016 # the backticks are Markdown's
    sed -n '/^```c$/,/^```$/p' "$here/../../README.md" | grep -v '^```' >"$work/example.c"
    grep -q 'stls_trust_add_system(trust, &error)' "$work/example.c" || return 1
    sed -i 's|stls_trust_add_system(trust, &error)|stls_trust_add_file(trust, getenv("CA"), \&error)|' "$work/example.c"
    sed -i '1i #include <stdbool.h>\n#include <stdlib.h>' "$work/example.c"
    cat "$here/example.c" >>"$work/example.c"
    # shellcheck disable=SC2046
    cc -Wall -Wextra -Werror "$work/example.c" -o "$work/example" $(pkg-config --cflags --libs siptls) || return 1
    "$SIPTLS_TOOL" serve --listen 127.0.0.1:0 --cert "$SIPTLS_TEST_PKI/server.chain.pem" \
        --key "$SIPTLS_TEST_PKI/server.key" --count 2 >"$work/serve.log" 2>&1 &
    server=$!
    for _ in $(seq 50); do
        port=$(sed -n 's/^listening on .*:\([0-9]*\)$/\1/p' "$work/serve.log")
        [ -z "$port" ] || break
        sleep 0.1
    done
    export CA=$SIPTLS_TEST_PKI/root.pem LD_LIBRARY_PATH=$libdir
    "$work/example" "$port" example.test | grep -x secure || result=1
    if "$work/example" "$port" other.test; then
        result=1
    fi
    kill "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    return "$result"
}
if [ -n "${SIPTLS_TOOL:-}" ] && [ -n "${SIPTLS_TEST_PKI:-}" ]; then
    check "the example of the README" readme_example
fi

pkg_config_shared() {
    # shellcheck disable=SC2046
    cc "$here/main.c" -o "$work/pc-shared" $(pkg-config --cflags --libs siptls) && runs "$work/pc-shared"
}
# siptls inside the program, the system's libraries as they come.
pkg_config_static() {
    # shellcheck disable=SC2046
    cc "$here/main.c" -o "$work/pc-static" $(pkg-config --cflags --libs siptls-static) &&
        runs "$work/pc-static" && ! ldd "$work/pc-static" | grep libsiptls
}
# Everything inside the program.
pkg_config_all_static() {
    # shellcheck disable=SC2046
    cc -static "$here/main.c" -o "$work/pc-all-static" $(pkg-config --static --cflags --libs siptls) &&
        runs "$work/pc-all-static"
}
# Debian 13's libcrypto.a needs archives that libssl-dev does not bring: that is not ours to test.
system_openssl_is_static() {
    grep -q '^Requires.private:.*openssl' "$pc" || return 0
    echo 'int OPENSSL_init_ssl(unsigned long, void *); int main(void) { return !OPENSSL_init_ssl(0, 0); }' \
        >"$work/probe.c"
    # shellcheck disable=SC2046
    cc -static "$work/probe.c" -o "$work/probe" $(pkg-config --static --libs openssl) >/dev/null 2>&1
}
check "pkg-config, shared" pkg_config_shared
check "pkg-config siptls-static" pkg_config_static
if system_openssl_is_static; then
    check "pkg-config --static, everything static" pkg_config_all_static
else
    echo "not checked: everything static; the system's OpenSSL does not link statically by itself"
fi

find_package_builds() {
    cmake -S "$here" -B "$work/user" -DCMAKE_PREFIX_PATH="$prefix" && cmake --build "$work/user"
}
check "find_package: configures and builds" find_package_builds
check "find_package: siptls::siptls runs" runs "$work/user/shared"
check "find_package: siptls::static runs" runs "$work/user/static"

exports_only_ours() {
    nm -D --defined-only "$libdir/libsiptls.so" | awk '{ print $NF }' | grep -v '^stls_' && return 1
    nm -D --defined-only "$libdir/libsiptls.so" | grep -q ' stls_version$'
}
check "libsiptls.so exports stls_* and nothing else" exports_only_ours

archive_prefixed() {
    ! nm -g --defined-only "$libdir/libsiptls.a" 2>/dev/null | awk 'NF == 3 { print $3 }' |
        grep -vE '^(stls|ossl|mbed|wolf)_'
}
check "libsiptls.a defines nothing without a prefix of ours" archive_prefixed

# Several TLS libraries and ours in one link: no global name may be defined twice.
no_clashes() {
    local archives
    archives=("$libdir/libsiptls.a")
    for a in "$libdir"/siptls/*.a $(cc -print-file-name=libcrypto.a) $(cc -print-file-name=libssl.a); do
        [ ! -e "$a" ] || archives+=("$a")
    done
    for a in "${archives[@]}"; do
        nm -g --defined-only "$a" 2>/dev/null | awk 'NF == 3 && $2 ~ /[TDBR]/ { print $3 }' | sort -u
    done | sort | uniq -d >"$work/twice"
    nm -g --defined-only "$libdir/libsiptls.a" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u >"$work/ours"
    ! comm -12 "$work/twice" "$work/ours" | grep .
}
check "no name of libsiptls.a is also a name of a TLS library" no_clashes

exit $failed
