#!/usr/bin/env bash
# cmake/analyze.sh [--limit SECONDS] [TOOL...]: what reads our code without running it. Each tool must find nothing; what
# it is told not to look for stands here, in .clang-tidy or in the code, with the reason.
#
#   gcc-analyzer, clang-tidy (.clang-tidy), cppcheck, shellcheck
#
# They read what is delivered, the tests and the benchmark, as far as BUILD (default: build/default), a configured build
# tree, compiles it; each source is read once, however many programs it is part of. That leaves out the fuzz targets, the
# package's user in tests/install, and what is built with programs of others. What a tool is not asked about tests and the
# benchmark stands in their .clang-tidy, and below.
#
# Without a TOOL: all. A source that takes a processor longer than the limit (300 s) is a finding, and so is a tool that does
# not tell of every source that it was to read. Prints a line for every source that a tool has read, and last "N passed, N
# failed, N skipped".
set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build/default}
limit=300
if [ "${1:-}" = --limit ]; then
    limit=${2:?how many seconds may one source take?}
    shift 2
fi
jobs=$(nproc 2>/dev/null || echo 2)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
# shellcheck source=cmake/counted.bash
. cmake/counted.bash

# Our own sources with the compiler's options, one a line.
python3 - "$build/compile_commands.json" >"$work/commands" <<'END'
import json, os, re, shlex, sys

seen = set()
for entry in json.load(open(sys.argv[1])):
    name = os.path.relpath(entry["file"])
    if name not in seen and re.match(r"(adapters|api|backends|base|bench|certstore|tests|tools)/", name):
        seen.add(name)
        words = shlex.split(entry["command"])
        options = [word for word in words[1:words.index("-o")] if not word.startswith("-M")]
        print(name, *(shlex.quote(option) for option in options))
END
[ -s "$work/commands" ] || {
    printf '%s holds no compile commands of ours: configure it first (cmake --preset default)\n' "$build"
    exit 1
}

# Each reader is called with a source and the compiler's options, prints what it finds, and fails if it could not read.

# As it is optimised, so that functions are looked into from their callers as far as they are inlined. gcc 12 loses sight of
# what lists and structs hold; where that is of tests, LeakSanitizer looks at them as they run.
read_with_gcc() {
    local but=
    [[ $1 != @(bench|tests)/* ]] || but=-Wno-analyzer-malloc-leak
    eval "gcc $2 -Wno-error -fanalyzer $but -S -o /dev/null $1" 2>&1
}

# Options of gcc that clang does not know are no finding. What it says besides is how many warnings it suppressed.
read_with_clang() {
    clang-tidy -p "$build" --quiet --extra-arg=-Wno-unknown-warning-option "$1" 2>"$work/said.$$" && return
    local code=$?
    [ $code = 1 ] || cat "$work/said.$$"
    return $code
}

# read_source TOOL READER "SOURCE OPTIONS..."
read_source() {
    local tool=$1 source=${3%% *} start=$SECONDS found code
    found=$(ulimit -t "$limit" && "$2" "$source" "${3#* }")
    code=$?
    [ $code -lt 128 ] || found+="${found:+$'\n'}ended by signal $((code - 128)); 9: it took more than $limit s"
    [ $code = 0 ] || found=${found:-$tool ended with $code}
    tell "$found" "$tool $source ($((SECONDS - start)) s)"
}

# have TOOL COMMAND PACKAGE
have() {
    command -v "$2" >/dev/null && return
    printf 'SKIP  %s: %s is not installed (Debian: %s)\n' "$1" "$2" "$3"
    return 1
}

# read_sources TOOL READER
read_sources() {
    declare -fx read_source tell "$2"
    export work build limit
    xargs -P "$jobs" -d '\n' -n 1 bash -c 'read_source "$@"' read_source "$1" "$2" <"$work/commands" | tee "$work/told"
    local all told
    all=$(wc -l <"$work/commands") told=$(grep -cE '^(ok|FAIL) ' "$work/told")
    [ "$told" = "$all" ] || tell "it told of $told sources, and was to read $all" "$1"
}

run_cppcheck() {
    mkdir -p "$build/cppcheck"
    # What the backends ask of the libraries' headers, which cppcheck is not shown.
    local libraries=(-DMBEDTLS_VERSION_NUMBER=0x03060000 -DMBEDTLS_THREADING_C -DMBEDTLS_PSA_CRYPTO_C
        -DMBEDTLS_SSL_CLI_C -DMBEDTLS_SSL_SRV_C -DMBEDTLS_X509_CRT_PARSE_C
        -DMBEDTLS_SSL_KEEP_PEER_CERTIFICATE -DMBEDTLS_SSL_SERVER_NAME_INDICATION -DOPENSSL_VERSION_NUMBER=0x30000000L
        -DWOLFSSL_ALWAYS_VERIFY_CB -DWOLFSSL_VERIFY_CB_ALL_CERTS -DHAVE_ECC -DHAVE_SNI -DHAVE_SUPPORTED_CURVES)
    cut -d ' ' -f 1 "$work/commands" >"$work/sources"
    cppcheck --quiet -j "$jobs" --std=c11 --language=c --enable=warning,performance,portability \
        --suppressions-list=cmake/cppcheck.supp --inline-suppr --cppcheck-build-dir="$build/cppcheck" \
        --error-exitcode=1 -I . -I api/include -D_GNU_SOURCE -D__GNUC__=12 -DSTLS_HAVE_INIH "${libraries[@]}" \
        --file-list="$work/sources" 2>&1
}

# Scripts that are sourced (*.bash) use and set variables of those that source them: SC2154, SC2034.
run_shellcheck() {
    local paths=(-x -S warning -P SCRIPTDIR -P tests/scripts -P cmake) scripts fragments
    mapfile -t scripts < <(git ls-files -co --exclude-standard -- '*.sh' && printf '%s\n' check demo bench/run .ci/run .ci/long .ci/night)
    mapfile -t fragments < <(git ls-files -co --exclude-standard -- '*.bash')
    shellcheck "${paths[@]}" "${scripts[@]}" 2>&1 &&
        shellcheck "${paths[@]}" -e SC2154,SC2034 "${fragments[@]}" 2>&1
}

# run_whole TOOL: one that reads everything at once.
run_whole() {
    local found
    found=$("run_$1") || found=${found:-$1 failed}
    tell "$found" "$1"
}

[ $# -gt 0 ] || set -- shellcheck cppcheck gcc-analyzer clang-tidy
for tool; do
    case $tool in
    gcc-analyzer) have $tool gcc gcc && read_sources $tool read_with_gcc ;;
    clang-tidy) have $tool clang-tidy clang-tidy && read_sources $tool read_with_clang ;;
    cppcheck | shellcheck) have "$tool" "$tool" "$tool" && run_whole "$tool" ;;
    *) printf 'FAIL  cmake/analyze.sh does not know "%s"\n' "$tool" ;;
    esac
done | count
