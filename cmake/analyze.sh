#!/usr/bin/env bash
# cmake/analyze.sh [TOOL...]: what reads our code without running it. Each tool must find nothing; what it is told not to
# look for stands here or in .clang-tidy, with the reason.
#
#   gcc-analyzer, clang-tidy (.clang-tidy), cppcheck, shellcheck
#
# Without a TOOL: all. BUILD (default: build/default) is a configured build tree, whose compile commands count. Prints one
# line a tool, and last "N passed, N failed, N skipped".
set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build/default}
jobs=$(nproc 2>/dev/null || echo 2)
passed=0 failed=0 skipped=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# Our own sources, one a line; what gives no source file has not been configured.
python3 - "$build/compile_commands.json" >"$work/commands" <<'END'
import json, os, re, shlex, sys

for entry in json.load(open(sys.argv[1])):
    name = os.path.relpath(entry["file"])
    if re.match(r"(api|base|certstore|backends|tools|adapters)/", name):
        words = shlex.split(entry["command"])
        options = [word for word in words[1:words.index("-o")] if not word.startswith("-M")]
        print(name, *(shlex.quote(option) for option in options), sep="\t")
END
[ -s "$work/commands" ] || {
    printf '%s holds no compile commands of ours: configure it first (cmake --preset default)\n' "$build"
    exit 1
}
sort -u -t "$(printf '\t')" -k 1,1 -o "$work/commands" "$work/commands"
cut -f 1 "$work/commands" >"$work/sources"

# verdict NAME: by what stands in its log.
verdict() {
    if [ -s "$work/$1.log" ]; then
        printf 'FAIL  %s\n' "$1"
        sed 's/^/      | /' "$work/$1.log" | head -n 200
        failed=$((failed + 1))
    else
        printf 'ok    %s\n' "$1"
        passed=$((passed + 1))
    fi
}

# have NAME COMMAND PACKAGE
have() {
    command -v "$2" >/dev/null && return
    printf 'SKIP %s: %s is not installed (Debian: %s)\n' "$1" "$2" "$3"
    skipped=$((skipped + 1))
    return 1
}

# -O2, so that functions are looked into from their callers as far as they are inlined.
gcc_analyzer() {
    have gcc-analyzer gcc gcc || return
    # shellcheck disable=SC2016 # the inner shell's
    tr '\t' ' ' <"$work/commands" | xargs -P "$jobs" -d '\n' -n 1 sh -c '
        source=${1%% *} options=${1#* }
        eval "gcc $options -Wno-error -fanalyzer -S -o /dev/null $source" 2>&1 | grep -v "^cc1: note"' - >"$work/gcc-analyzer.log"
    verdict gcc-analyzer
}

# Options of gcc that clang does not know are no finding.
clang_tidy() {
    have clang-tidy clang-tidy clang-tidy || return
    xargs -P "$jobs" -n 4 clang-tidy -p "$build" --quiet --extra-arg=-Wno-unknown-warning-option \
        <"$work/sources" 2>/dev/null >"$work/clang-tidy.log"
    verdict clang-tidy
}

run_cppcheck() {
    have cppcheck cppcheck cppcheck || return
    mkdir -p "$build/cppcheck"
    # What the backends ask of the libraries' headers, which cppcheck is not shown.
    local libraries=(-DMBEDTLS_VERSION_NUMBER=0x03060000 -DMBEDTLS_THREADING_C -DMBEDTLS_PSA_CRYPTO_C
        -DMBEDTLS_SSL_CLI_C -DMBEDTLS_SSL_SRV_C -DMBEDTLS_X509_CRT_PARSE_C
        -DMBEDTLS_SSL_KEEP_PEER_CERTIFICATE -DMBEDTLS_SSL_SERVER_NAME_INDICATION -DOPENSSL_VERSION_NUMBER=0x30000000L
        -DWOLFSSL_ALWAYS_VERIFY_CB -DWOLFSSL_VERIFY_CB_ALL_CERTS -DHAVE_ECC -DHAVE_SNI -DHAVE_SUPPORTED_CURVES)
    # shellcheck disable=SC2046 # a list of words
    cppcheck --quiet -j "$jobs" --std=c11 --language=c --enable=warning,performance,portability \
        --suppressions-list=cmake/cppcheck.supp --inline-suppr --cppcheck-build-dir="$build/cppcheck" \
        -I . -I api/include -D_GNU_SOURCE -D__GNUC__=12 -DSTLS_HAVE_INIH "${libraries[@]}" $(cat "$work/sources") \
        2>&1 | grep -v '^$' >"$work/cppcheck.log"
    verdict cppcheck
}

# Scripts that are sourced (*.bash) use and set variables of those that source them: SC2154, SC2034.
run_shellcheck() {
    have shellcheck shellcheck shellcheck || return
    local paths=(-x -S warning -P SCRIPTDIR -P tests/scripts -P cmake) scripts fragments
    mapfile -t scripts < <(git ls-files -co --exclude-standard -- '*.sh' && printf '%s\n' check demo .ci/run)
    mapfile -t fragments < <(git ls-files -co --exclude-standard -- '*.bash')
    {
        shellcheck "${paths[@]}" "${scripts[@]}"
        shellcheck "${paths[@]}" -e SC2154,SC2034 "${fragments[@]}"
    } >"$work/shellcheck.log" 2>&1
    verdict shellcheck
}

[ $# -gt 0 ] || set -- shellcheck cppcheck gcc-analyzer clang-tidy
for tool; do
    case $tool in
    gcc-analyzer) gcc_analyzer ;;
    clang-tidy) clang_tidy ;;
    cppcheck) run_cppcheck ;;
    shellcheck) run_shellcheck ;;
    *)
        printf 'cmake/analyze.sh does not know "%s"\n' "$tool" >&2
        exit 2
        ;;
    esac
done
printf '%d passed, %d failed, %d skipped\n' $passed $failed $skipped
[ $failed = 0 ] && [ $passed -gt 0 ]
