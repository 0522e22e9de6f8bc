#!/usr/bin/env bash
# adapters/pjsip: handshakes of PJLIB's seam with `siptls serve` on each backend; and what build.sh does to a tree.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

peer=${SIPTLS_BUILD_DIR:-$source_dir/build/default}/adapters/pjsip/adapter_pjsip
[ -x "$tool" ] || skip_all "$tool is not built"
[ -x "$peer" ] || skip_all "$peer is not built"

for backend in "${backends[@]}"; do
    export PJ_TEST_BACKEND=$backend
    start_server --cert "$pki/server.chain.pem" --key "$pki/server.key" || continue
    port=${server##*:}
    expect "$backend: OPTIONS" 0 '^SIP/2\.0 200 OK' "$peer" connect "$port" "$pki/root.pem" example.test
    expect "$backend: wrong CA" 4 '^no trusted CA issued it' "$peer" connect "$port" "$pki/other-root.pem" example.test
    expect "$backend: wrong CA, for PJLIB" 4 'verify_status 0x2$' \
        "$peer" connect "$port" "$pki/other-root.pem" example.test
    expect "$backend: wrong name" 4 'not for "other\.example"' "$peer" connect "$port" "$pki/root.pem" other.example
    expect "$backend: wrong name, for PJLIB" 4 'verify_status 0x40000000$' \
        "$peer" connect "$port" "$pki/root.pem" other.example
    stop "$server_pid"
    if [ "$(grep -c OPTIONS "$server_log")" = 1 ]; then pass "$backend: nothing sent to the wrong server"; else
        fail "$backend: nothing sent to the wrong server" "there was a request" "$server_log"
    fi
done

# --- build.sh, on a tree that looks like pjproject's and is made of the stub

stub=$source_dir/adapters/pjsip/stub
build=$source_dir/adapters/pjsip/build.sh

# A siptls that pkg-config finds.
mkdir "$work/pc"
cat >"$work/pc/siptls.pc" <<END
Name: siptls
Description: as it is in this tree
Version: 0
Cflags: -I$source_dir/api/include
Libs: -lsiptls
END
export PKG_CONFIG_PATH=$work/pc

# make_tree VERSION: its path in $tree. "make" there does what the real one does with user.mak and config_site.h.
trees=0
make_tree() {
    trees=$((trees + 1))
    tree=$work/tree$trees
    mkdir -p "$tree/pjlib/src/pj" "$tree/pjlib/include/pj" "$tree/build"
    printf 'export PJ_VERSION_MAJOR  := %s\nexport PJ_VERSION_MINOR  := %s\n' "${1%.*}" "${1#*.}" >"$tree/version.mak"
    cp "$stub"/ssl_sock_imp_common.* "$tree/pjlib/src/pj"
    cp "$stub"/pj/*.h "$tree/pjlib/include/pj"
    touch "$tree/build/os-auto.mak"
    cat >"$tree/Makefile" <<'END'
-include user.mak
PJLIB_OBJS += stub.o
all: $(addprefix pjlib/src/pj/, $(filter ssl_sock_siptls.o, $(PJLIB_OBJS)))
pjlib/src/pj/%.o: pjlib/src/pj/%.c
	$(CC) -D_GNU_SOURCE $(CFLAGS) -include pjlib/include/pj/config_site.h -Ipjlib/include -w -c -o $@ $<
dep:
END
}

state() {
    (cd "$tree" && find . -type f ! -name '*.o' -exec sha256sum {} + | sort -k 2)
}

# unchanged NAME: the tree is as $before says.
unchanged() {
    if [ "$(state)" = "$before" ]; then pass "$1"; else fail "$1" "the tree has changed"; fi
}

make_tree 2.17
printf '#define OF_THE_USER 1\n' >"$tree/pjlib/include/pj/config_site.h"
printf 'export CFLAGS += -DALSO_OF_THE_USER' >"$tree/user.mak" # without an end of line
printf '\n' >>"$tree/user.mak"
before=$(state)
expect "build.sh builds" 0 'siptls is in .* \(pjproject 2\.17\)' "$build" --backend wolfssl "$tree"
if [ -f "$tree/pjlib/src/pj/ssl_sock_siptls.o" ] && nm "$tree/pjlib/src/pj/ssl_sock_siptls.o" | grep -q stls_conn_new
then pass "it is compiled"; else fail "it is compiled" "there is no such object" "$out"; fi
expect "the backend is chosen" 0 'PJ_SIPTLS_BACKEND "wolfssl"' cat "$tree/pjlib/include/pj/config_site.h"
expect "build.sh builds again" 0 'siptls is in ' "$build" "$tree"
expect "one block stands" 0 '^1$' grep -c 'siptls: begin' "$tree/user.mak"
expect "--undo" 0 'taken out' "$build" --undo "$tree"
unchanged "--undo leaves the tree as it was"

make_tree 2.17
before=$(state)
expect "an empty tree" 0 'siptls is in ' "$build" --no-make "$tree"
expect "--undo of it" 0 'taken out' "$build" --undo "$tree"
unchanged "--undo leaves no empty files"

make_tree 2.13
sed -i 's/ssl_read_buf/circ_buf_input/; s/flush_ssl_write_buf/flush_circ_buf_output/;
    /ssl_do_handshake_and_flush/d' "$tree"/pjlib/src/pj/*
expect "an older seam" 0 'siptls is in .* \(pjproject 2\.13\)' "$build" --no-make "$tree"
expect "its buffers" 0 'PJ_SIPTLS_OLD_BUFFERS' cat "$tree/pjlib/include/pj/config_site.h"
expect "its handshake" 0 'PJ_SIPTLS_OLD_HANDSHAKE' cat "$tree/pjlib/include/pj/config_site.h"

for version in 2.9 2.18 3.0; do
    make_tree $version
    before=$(state)
    expect "version $version" 1 "pjproject $version; this adapter knows 2\.10 to 2\.17" "$build" "$tree"
    unchanged "version $version: nothing changed"
done

make_tree 2.16
sed -i '/ssl_renegotiate/d' "$tree/pjlib/src/pj/ssl_sock_imp_common.h"
before=$(state)
expect "an unknown seam" 1 'has no ssl_renegotiate\(\)' "$build" "$tree"
unchanged "an unknown seam: nothing changed"

make_tree 2.16
rm "$tree/build/os-auto.mak"
before=$(state)
expect "not configured" 1 'run ./configure --disable-ssl there' "$build" "$tree"
unchanged "not configured: nothing changed"

make_tree 2.16
printf '#error "this cannot be compiled"\n' >>"$tree/pjlib/include/pj/pool.h"
before=$(state)
expect "a build that fails" 2 'nothing has changed in' "$build" "$tree"
unchanged "a build that fails: nothing changed"

make_tree 2.16
before=$(state)
expect "siptls is not installed" 1 'pkg-config does not find siptls' env PKG_CONFIG_PATH=/nowhere \
    PKG_CONFIG_LIBDIR=/nowhere "$build" "$tree"
unchanged "siptls is not installed: nothing changed"

expect "no tree" 1 'no pjproject tree' "$build" "$work"
expect "build.sh --help" 0 '^usage: build\.sh' "$build" --help
expect "an unknown backend" 2 'no backend "rustls"' "$build" --backend rustls "$tree"

finish
