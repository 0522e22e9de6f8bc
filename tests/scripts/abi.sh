#!/usr/bin/env bash
# What others are linked with and compiled against is what tests/expectations says: the exported symbols, and the layout
# of structs, the values of constants and the prototypes of functions (abi-dump.py). A line that goes or changes breaks
# programs that are there already, and wants another SOVERSION; one that comes is for good.
#
#     tests/scripts/abi.sh --update     writes both files anew, for you to read the difference
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

build=${SIPTLS_BUILD_DIR:-$source_dir/build/default}
expected=$source_dir/tests/expectations
[ -z "${SIPTLS_SANITIZE:-}" ] || skip_all "sanitizers export symbols of their own"
command -v readelf >/dev/null || skip_all "there is no readelf (Debian: binutils)"
library=$(find "$build" -maxdepth 1 -name 'libsiptls.so.*.*.*')
[ -f "$library" ] || skip_all "this build has no shared library"

# Names of what is defined for others: of the shared library, or of objects.
exported() {
    readelf -W "$1" "$2" 2>/dev/null |
        awk '$4 ~ /^(FUNC|OBJECT|NOTYPE|TLS|IFUNC)$/ && $5 != "LOCAL" && $6 != "HIDDEN" && $7 != "UND" { print $8 }' |
        sed 's/@.*//' | sort -u
}

dump() {
    python3 "$here/abi-dump.py" gcc "$source_dir/api/include"
}

if [ "${1:-}" = --update ]; then
    exported --dyn-syms "$library" >"$expected/exported-symbols.txt"
    [ "$(uname -m)" = x86_64 ] && dump >"$expected/abi-x86_64.txt"
    git -C "$source_dir" --no-pager diff --stat -- tests/expectations 2>/dev/null
    exit
fi

# same NAME FILE WHAT-IT-IS-NOW
same() {
    if diff -U0 "$2" "$3" >"$out"; then
        pass "$1"
    else
        grep -E '^[-+][^-+]' "$out" >"$out.lines"
        fail "$1" "these lines are different; if that is meant, run tests/scripts/abi.sh --update" "$out.lines"
    fi
}

exported --dyn-syms "$library" >"$work/symbols"
same "exported symbols" "$expected/exported-symbols.txt" "$work/symbols"

# Whatever backends a build has, the symbols are the same: none comes from a backend's folder.
for backend in "${backends[@]}"; do
    find "$build/CMakeFiles/siptls_backend_$backend.dir" -name '*.o' -exec readelf -sW {} + 2>/dev/null >"$work/objects"
    if [ ! -s "$work/objects" ]; then
        fail "$backend exports nothing of its own" "its objects were not found in the build tree"
    elif awk '$4 ~ /^(FUNC|OBJECT)$/ && $5 != "LOCAL" && $6 == "DEFAULT" && $7 != "UND"' "$work/objects" >"$out" &&
        [ -s "$out" ]; then
        fail "$backend exports nothing of its own" "it does" "$out"
    else
        pass "$backend exports nothing of its own"
    fi
done

# Each function of the headers is there.
if ! gcc --version 2>/dev/null | grep -q 'Free Software'; then
    skip "ABI" "it takes gcc to tell prototypes, and there is none"
elif ! dump >"$work/abi" 2>"$work/log"; then
    fail "ABI" "it could not be told" "$work/log"
else
    sed -n 's/^function [^(]*[ *]\(stls_[a-z0-9_]*\) (.*/\1/p' "$work/abi" | sort -u >"$work/declared"
    comm -23 "$work/declared" "$work/symbols" >"$out"
    if [ -s "$out" ]; then fail "functions of the headers" "these are not exported" "$out"; else pass "functions of the headers"; fi
    comm -13 "$work/declared" "$work/symbols" >"$out"
    if [ -s "$out" ]; then fail "nothing else" "these are in no header" "$out"; else pass "nothing else"; fi
    if [ "$(uname -m)" = x86_64 ]; then
        same "ABI" "$expected/abi-x86_64.txt" "$work/abi"
    else
        skip "ABI" "what is written down is that of x86_64, and this is a $(uname -m)"
    fi
fi

finish
