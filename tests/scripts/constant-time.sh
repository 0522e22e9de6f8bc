#!/usr/bin/env bash
# Where siptls compares secrets itself, the time tells nothing of them: valgrind sees no branch that depends on one.
# Promise P10 of SECURITY.md.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

program=${SIPTLS_BUILD_DIR:-$source_dir/build/default}/bin/faults_constant
[ -x "$program" ] || skip_all "$program is not built"
[ -z "${SIPTLS_SANITIZE:-}" ] || skip_all "valgrind does not run what a sanitizer watches"
command -v valgrind >/dev/null || skip_all "there is no valgrind"

# What a run under valgrind answers: 0, or 9 where it has complained.
look_on() {
    valgrind -q --error-exitcode=9 "$program" "$1" >"$out" 2>&1
}

if look_on equal; then
    pass "stls_secret_equal"
else
    fail "stls_secret_equal" "a branch depends on a secret" "$out"
fi

# That valgrind would have complained.
look_on memcmp
if [ $? = 9 ] && grep -q uninitialised "$out"; then
    pass "memcmp is seen"
else
    fail "memcmp is seen" "valgrind does not complain where it should" "$out"
fi

# All the places that compare a secret go by it: no memcmp or strcmp has one of their names in it.
compares_secret() {
    grep -nE '\b(mem|str|strn|strcase|strncase)cmp\([^;&|]*\b(secret|secrets|mac|mac_value|password|key_bytes|binder|tag)\b' "$@" >"$out"
}
cd "$source_dir" || exit 1
if compares_secret {api,base}/*.c {backends,certstore}/*/*.c tools/siptls/*.c; then
    fail "no secret is compared by memcmp" "these lines do" "$out"
else
    pass "no secret is compared by memcmp"
fi
if compares_secret - <<<'if (memcmp(at(0), secret, len) == 0) {'; then pass "a memcmp of a secret is found"; else
    fail "a memcmp of a secret is found" "it is not"
fi

finish
