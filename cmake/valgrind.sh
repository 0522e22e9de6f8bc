#!/usr/bin/env bash
# cmake/valgrind.sh [TEST...]: the programs of the unit and conformance tests under valgrind's memcheck, as many at a time
# as there are processors. A read of what nobody wrote, of what was freed, and a block that nobody can free any more is a
# failure; cmake/valgrind.supp says what is not ours. BUILD (default: build/default) is where they were built.
#
# Prints one line a program, and last "N passed, N failed, N skipped".
set -u
cd "$(dirname "$0")/.." || exit 1
build=$PWD/${BUILD:-build/default}
jobs=$(nproc 2>/dev/null || echo 2)
command -v valgrind >/dev/null || {
    printf 'SKIP valgrind: it is not installed (Debian: valgrind)\n0 passed, 0 failed, 1 skipped\n'
    exit 0
}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
tests/pki/make.sh "$build/pki" || exit 1
export SIPTLS_TEST_PKI=$build/pki SIPTLS_SOURCE_DIR=$PWD SIPTLS_BUILD_DIR=$build SIPTLS_VALGRIND=1
[ $# -gt 0 ] || mapfile -t < <(cd "$build/bin" && ls -d unit_* conformance_*) && set -- "$@" "${MAPFILE[@]:-}"

# shellcheck disable=SC2016 # the inner shell's
printf '%s\n' "$@" | grep . | xargs -P "$jobs" -n 1 sh -c '
    cd "$0" && valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
        --track-origins=yes --num-callers=20 --suppressions=cmake/valgrind.supp --log-file="$1/$3.log" "$2/bin/$3" \
        >"$1/$3.out" 2>&1
    echo $? >"$1/$3.code"' "$PWD" "$work" "$build"

passed=0 failed=0
for code in "$work"/*.code; do
    name=${code##*/} name=${name%.code}
    if [ "$(cat "$code")" = 0 ]; then
        printf 'ok    valgrind %s\n' "$name"
        passed=$((passed + 1))
    else
        printf 'FAIL  valgrind %s: exit code %s\n' "$name" "$(cat "$code")"
        head -n 60 "$work/$name.log" | sed 's/^/      | /'
        grep -E '^ *[0-9]+\. |FAILED' "$work/$name.out" | head -n 20 | sed 's/^/      > /'
        failed=$((failed + 1))
    fi
done
printf '%d passed, %d failed, 0 skipped\n' $passed $failed
[ $failed = 0 ] && [ $passed -gt 0 ]
