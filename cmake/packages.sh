# shellcheck shell=bash
# Debian packages for ./demo and ./check. Sourced; needs nothing but bash.
#
#     ensure_packages "what they are for" package...
#     install_peers
#
# Nothing is installed without a line that says what and why, and nothing happens when all is there.

# To build siptls, its dependencies and its tests.
# shellcheck disable=SC2034 # for the including script
siptls_build_packages="build-essential cmake ninja-build pkg-config ca-certificates openssl libssl-dev libcunit1-dev
    libinih-dev dpkg-dev debian-archive-keyring python3 python3-pycryptodome autoconf automake libtool xz-utils bzip2
    libre-dev libosip2-dev valgrind"

# To run the benchmark (bench/run) besides; the libraries are what siptls is compared with.
# shellcheck disable=SC2034
siptls_bench_packages="valgrind libevent-dev libtls-dev libcurl4-openssl-dev libsofia-sip-ua-dev"

# Real SIP software to test against, and what reads captures of calls.
siptls_peer_packages="kamailio kamailio-tls-modules baresip-core sipsak sofia-sip-bin linphone-cli sip-tester tshark"

# What reads our code without running it, and what watches it run: ./check --analyze and --valgrind only.
# shellcheck disable=SC2034
siptls_analysis_packages="clang-tidy cppcheck shellcheck valgrind"

# The value of SIPTLS_DEPS for ./demo and ./check: on Debian our own builds of mbedTLS and wolfSSL even where the
# system's would do, so that every machine tests the same ones; elsewhere whatever is there.
siptls_deps_mode() (
    ID=
    # shellcheck disable=SC1091
    [ ! -r /etc/os-release ] || . /etc/os-release
    if [ "$ID" = debian ]; then echo build; else echo auto; fi
)

_as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

ensure_packages() {
    local why=$1 package missing=
    shift
    if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
        printf 'This is no Debian system, so nothing is installed here. Needed %s, under Debian'\''s names:\n' "$why"
        printf '    %s\n' "$*"
        return 0
    fi
    for package in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
            missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
        printf 'These packages are needed %s:\n   %s\nInstall them as root, then start again:\n    apt-get install%s\n' \
            "$why" "$missing" "$missing" >&2
        return 1
    fi
    # shellcheck disable=SC2086 # a list of words
    printf 'Installing these Debian packages, needed %s:\n%s\n' "$why" \
        "$(echo $missing | fold -s -w 100 | sed 's/^/    /; s/ *$//')"
    local log
    log=$(mktemp)
    # shellcheck disable=SC2086
    if ! { _as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update &&
        _as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install $missing; } \
        >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        printf 'apt-get could not install them; its messages stand above.\n' >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

# Servers come with services that Debian starts at once; a policy file forbids that while they are installed, and
# is taken away again. A policy file that is there already is left as it is.
install_peers() (
    policy=/usr/sbin/policy-rc.d
    if command -v apt-get >/dev/null && [ ! -e $policy ] && { [ "$(id -u)" = 0 ] || command -v sudo >/dev/null; }; then
        trap '_as_root rm -f $policy' EXIT
        trap 'exit 130' INT TERM HUP
        printf '#!/bin/sh\nexit 101\n' | _as_root tee $policy >/dev/null
        _as_root chmod 755 $policy
    fi
    # shellcheck disable=SC2086
    ensure_packages "to test against real SIP software" $siptls_peer_packages
)
