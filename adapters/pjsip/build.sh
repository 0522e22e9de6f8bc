#!/usr/bin/env bash
# Puts siptls into a pjproject tree as its TLS, and builds it; or takes it out again.
set -euo pipefail

usage() {
    cat <<'END'
usage: build.sh [--no-make] [--backend NAME] TREE
       build.sh --undo TREE

TREE is an unpacked pjproject, 2.10 to 2.17, on which ./configure has run; give
configure --disable-ssl, so that it adds no other TLS library.

Three things change in it, and nothing else:
  pjlib/src/pj/ssl_sock_siptls.c    is put there
  pjlib/include/pj/config_site.h    gets a block that chooses it
  user.mak                          gets a block that compiles and links it
Then "make dep" and "make" run. If anything fails, all three are as they were.

  --no-make        changes the files, and leaves making to you
  --backend NAME   openssl, mbedtls or wolfssl; default: siptls's first
  --undo           takes the three things out

siptls is found by pkg-config (PKG_CONFIG_PATH, if it is not in a usual place).
END
}

die() {
    printf 'build.sh: %s\n' "$1" >&2
    exit "${2:-1}"
}

here=$(cd "$(dirname "$0")" && pwd)
make=yes undo=no backend=
while [ $# -gt 0 ]; do
    case $1 in
    --no-make) make=no ;;
    --undo) undo=yes ;;
    --backend)
        [ $# -ge 2 ] || die "--backend needs a name" 2
        backend=$2
        shift
        ;;
    --help | -h)
        usage
        exit 0
        ;;
    -*) die "unknown option $1 (--help tells them)" 2 ;;
    *) break ;;
    esac
    shift
done
[ $# = 1 ] || { usage >&2; exit 2; }
[ -z "$backend" ] || [[ $backend =~ ^(openssl|mbedtls|wolfssl)$ ]] || die "siptls has no backend \"$backend\"" 2
tree=$1
seam=$tree/pjlib/src/pj/ssl_sock_imp_common
source=$tree/pjlib/src/pj/ssl_sock_siptls.c
site=$tree/pjlib/include/pj/config_site.h
user=$tree/user.mak

# --- what is it?

for file in version.mak pjlib/src/pj pjlib/include/pj; do
    [ -e "$tree/$file" ] || die "$tree is no pjproject tree: it has no $file"
done

version_part() {
    sed -nE "s/^export PJ_VERSION_$1 *:= *([0-9]+).*/\1/p" "$tree/version.mak"
}
major=$(version_part MAJOR)
minor=$(version_part MINOR)
case $major.$minor in
2.1[0-7]) ;;
*) die "$tree is pjproject ${major:-?}.${minor:-?}; this adapter knows 2.10 to 2.17" ;;
esac

has() {
    grep -Eq -- "$2" "$1" 2>/dev/null
}

# The blocks are told by their first and last lines.
begin='siptls: begin (adapters/pjsip/build.sh --undo takes it out)'
end='siptls: end'
without_block() {
    [ ! -f "$1" ] || awk -v begin="$begin" -v end="$end" '
        index($0, begin) { inside = 1 }
        !inside { print }
        index($0, end) { inside = 0 }' "$1"
}

# --- all or nothing

saved=$(mktemp -d)
keep() {
    [ ! -f "$1" ] || cp -p "$1" "$saved/$(basename "$1")"
}
restore() {
    local file
    for file in "$source" "$site" "$user"; do
        if [ -f "$saved/$(basename "$file")" ]; then
            cp -p "$saved/$(basename "$file")" "$file"
        else
            rm -f "$file"
        fi
    done
}
finished=no
leave() {
    local code=$?
    if [ $finished = no ] && [ "$code" != 0 ]; then
        restore
        printf 'build.sh: nothing has changed in %s\n' "$tree" >&2
    fi
    rm -rf "$saved"
}
for file in "$source" "$site" "$user"; do
    keep "$file"
done
trap leave EXIT
trap 'exit 130' INT TERM HUP

# replace FILE BLOCK: the file without an old block, and with this one; none at all if nothing is left.
replace() {
    local rest
    rest=$(without_block "$1"; printf x)
    rest=${rest%x}
    if [ -z "$rest$2" ]; then rm -f "$1"; else printf '%s%s' "$rest" "$2" >"$1"; fi
}

if [ $undo = yes ]; then
    rm -f "$source"
    replace "$site" ""
    replace "$user" ""
    finished=yes
    printf 'siptls is taken out of %s; configure it for another TLS library, and make it again\n' "$tree"
    exit 0
fi

# --- does its seam fit?

for name in ssl_alloc ssl_create ssl_destroy ssl_reset_sock_state ssl_ciphers_populate ssl_get_cipher \
    ssl_update_certs_info ssl_set_state ssl_set_peer_name ssl_do_handshake ssl_renegotiate ssl_read ssl_write; do
    has "$seam.h" "\\b$name\\(" || die "pjlib's ssl_sock_imp_common.h has no $name(): this seam is not known"
done
defines=
if has "$seam.h" '\bssl_read_buf;' && has "$seam.c" 'flush_ssl_write_buf\('; then
    :
elif has "$seam.h" '\bcirc_buf_input;' && has "$seam.c" 'flush_circ_buf_output\('; then
    defines+='#define PJ_SIPTLS_OLD_BUFFERS'$'\n'
else
    die "pjlib's ssl_sock_imp_common.h has buffers of unknown names: this seam is not known"
fi
has "$seam.c" 'ssl_do_handshake_and_flush\(' || defines+='#define PJ_SIPTLS_OLD_HANDSHAKE'$'\n'
! has "$tree/pjlib/include/pj/ssl_sock.h" 'pj_ssl_rand_bytes' || defines+='#define PJ_SIPTLS_RAND_BYTES'$'\n'
[ -z "$backend" ] || defines+="#define PJ_SIPTLS_BACKEND \"$backend\""$'\n'

[ $make = no ] || [ -f "$tree/build/os-auto.mak" ] || die "$tree is not configured: run ./configure --disable-ssl there"
pkg-config --exists siptls || die "pkg-config does not find siptls: install it, or set PKG_CONFIG_PATH"
cflags=$(pkg-config --cflags siptls)
libs=$(pkg-config --libs siptls)

# --- in with it

cp "$here/ssl_sock_siptls.c" "$source"
replace "$site" "/* $begin */
#define PJ_SSL_SOCK_IMP_SIPTLS 7
#undef PJ_HAS_SSL_SOCK
#define PJ_HAS_SSL_SOCK 1
#undef PJ_SSL_SOCK_IMP
#define PJ_SSL_SOCK_IMP PJ_SSL_SOCK_IMP_SIPTLS
$defines/* $end */
"
replace "$user" "# $begin
export PJLIB_OBJS += ssl_sock_siptls.o
export CFLAGS += $cflags
export LDFLAGS += $libs
# $end
"
printf 'siptls is in %s (pjproject %s.%s)\n' "$tree" "$major" "$minor"
if [ $make = yes ]; then
    make -C "$tree" dep
    make -C "$tree"
fi
finished=yes
