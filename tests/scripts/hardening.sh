#!/usr/bin/env bash
# What the compiler and the linker do against those who exploit mistakes: asked of the files that are delivered, and of
# the commands that each of our sources was compiled with.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

build=${SIPTLS_BUILD_DIR:-$source_dir/build/default}
[ -z "${SIPTLS_SANITIZE:-}" ] || skip_all "with sanitizers nothing is as it is delivered"
grep -q '^CMAKE_BUILD_TYPE:.*=Debug$' "$build/CMakeCache.txt" 2>/dev/null && skip_all "a debug build is not delivered"
command -v readelf >/dev/null || skip_all "there is no readelf (Debian: binutils)"
library=$(find "$build" -maxdepth 1 -name 'libsiptls.so.*.*.*')
[ -f "$library" ] || skip_all "this build has no shared library"

# has NAME WHY PATTERN READELF-OPTION FILE: a line of what readelf tells must match.
has() {
    readelf -W "$4" "$5" >"$out" 2>/dev/null
    if grep -Eq -e "$3" "$out"; then pass "$1"; else fail "$1" "$2" "$out"; fi
}

has_not() {
    readelf -W "$4" "$5" >"$out" 2>/dev/null
    if grep -E -e "$3" "$out" >"$out.bad"; then fail "$1" "$2" "$out.bad"; else pass "$1"; fi
}

look_at() {
    local name=${1##*/}
    has "$name: RELRO" "its relocations stay writable" ' GNU_RELRO ' -l "$1"
    has "$name: bound at once" "functions are looked up when they are called" '\((FLAGS|FLAGS_1)\).*(BIND_)?NOW' -d "$1"
    has "$name: no code on the stack" "it has no GNU_STACK" ' GNU_STACK ' -l "$1"
    has_not "$name: nothing can be written and run" "these segments can" '^ *(LOAD|GNU_STACK) .* RWE ' -l "$1"
    has_not "$name: no relocation in code" "it has some" 'TEXTREL' -d "$1"
    has_not "$name: no search path of its own" "it has one" '\((RPATH|RUNPATH)\)' -d "$1"
    has "$name: stack protector" "nothing calls __stack_chk_fail" ' __stack_chk_fail' --dyn-syms "$1"
    has "$name: _FORTIFY_SOURCE" "nothing calls a function that checks sizes" ' UND __[a-z]+_chk' --dyn-syms "$1"
}

look_at "$library"
for program in "$tool" "$verdicts"; do
    look_at "$program"
    has "${program##*/}: position independent" "it is not" '\(FLAGS_1\).* PIE' -d "$program"
done

# The TLS libraries inside the shared one are not compiled for it, so that what was linked cannot say it of the whole.
if [ "$(uname -m)" = x86_64 ]; then
    objects=$(ar t "$build/libsiptls.a" | wc -l)
    marked=$(readelf -nW "$build/libsiptls.a" 2>/dev/null | grep -c 'x86 feature: IBT, SHSTK')
    if [ "$objects" -gt 0 ] && [ "$objects" = "$marked" ]; then
        pass "control flow of our own code is protected (CET)"
    else
        fail "control flow of our own code is protected (CET)" "only $marked of $objects objects say so"
    fi
else
    skip "control flow of our own code is protected (CET)" "this is a $(uname -m)"
fi

# Each source of the library and of the tools.
if [ -f "$build/compile_commands.json" ]; then
    grep -E '"command":.*/(api|base|certstore|backends|tools)/[a-z0-9_/]+\.c"' "$build/compile_commands.json" \
        >"$work/commands"
    [ -s "$work/commands" ] || fail "compile commands" "there are none of ours in compile_commands.json"
    for option in -fstack-protector-strong -fPI[CE] -D_FORTIFY_SOURCE=[23] -fstack-clash-protection; do
        if grep -vE -e " $option" "$work/commands" >"$out"; then
            fail "compiled with $option" "these sources are not" "$out"
        else
            pass "compiled with $option"
        fi
    done
else
    skip "compile commands" "this build has no compile_commands.json"
fi

finish
