#!/usr/bin/env bash
# cmake/valgrind.sh [TEST...]: the programs of the unit and conformance tests under valgrind's memcheck, as many at a time
# as there are processors. A read of what nobody wrote, of what was freed, and a block that nobody can free any more is a
# failure; cmake/valgrind.supp says what is not ours. unit_disk, which takes 39 s of a processor
# without valgrind, looks at some images of a power cut only; the others run the same code. BUILD (default: build/default)
# is where they were built.
#
# Prints one line for each program when it has ended, and last "N passed, N failed, N skipped".
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
# shellcheck source=cmake/counted.bash
. cmake/counted.bash
tests/pki/make.sh "$build/pki" || exit 1
export SIPTLS_TEST_PKI=$build/pki SIPTLS_SOURCE_DIR=$PWD SIPTLS_BUILD_DIR=$build SIPTLS_POWER_CUTS=some
# The longest first, so that no processor waits at the end.
[ $# -gt 0 ] || mapfile -t < <(cd "$build/bin" && ls -d conformance_* unit_*) && set -- "$@" "${MAPFILE[@]:-}"

# Without --track-origins=yes, which finds no more and makes 17 s of 10 for unit_crl; it says where a value comes
# from once one is found.
#
# watch PROGRAM: 77 is what one says that has nothing to do in this build.
watch() {
    local start=$SECONDS found='' code
    valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
        --num-callers=20 --suppressions=cmake/valgrind.supp --log-file="$work/$1.log" \
        "$build/bin/$1" >"$work/$1.out" 2>&1
    code=$?
    case $code in
    0) ;;
    77)
        printf 'SKIP  valgrind %s: it has nothing to do in this build\n' "$1"
        return
        ;;
    *) found=$(
        printf 'it ended with %s\n' $code
        head -n 60 "$work/$1.log"
        grep -E '^ *[0-9]+\. |FAILED' "$work/$1.out" | head -n 20
    ) ;;
    esac
    tell "$found" "valgrind $1 ($((SECONDS - start)) s)"
}
export -f watch tell
export work build

printf '%s\n' "$@" | grep . | xargs -P "$jobs" -n 1 bash -c 'watch "$1"' watch | count
