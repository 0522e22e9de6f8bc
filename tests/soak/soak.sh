#!/usr/bin/env bash
# The soak of `siptls proxy`: --minutes of connections that come and go, on each backend, one after the other; see soak.py.
# A line of progress each 10 seconds, a table at the end of each, and one verdict; the exit code is 0 if all are good.
#
# Good is: no byte that is not where it belongs, no end taken for another, no connection stuck; once all connections have
# ended no more blocks in the heap than after the first of them; after the warm-up resident memory that grows by no more
# than 64 KB a minute, or 2 MB in all; at the end as many descriptors as at the start.
#
#     tests/soak/soak.sh [--minutes N] [--connections N] [--backend NAME]... [--build FOLDER] [--out FOLDER] [-- ...]
#
# Build it first (cmake --preset default -DSIPTLS_TESTS=ON). What follows "--" goes to soak.py.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source_dir=$(cd "$here/../.." && pwd)
build=$source_dir/build/default out=""
minutes=60 connections=2000 backends=()

usage() {
    sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
}

while [ $# -gt 0 ]; do
    case $1 in
    --help) usage && exit 0 ;;
    --) shift && break ;;
    --minutes | --connections | --backend | --build | --out)
        [ $# -ge 2 ] || { printf 'soak.sh: %s needs a value\n' "$1" >&2 && exit 2; }
        ;;&
    --minutes) minutes=$2 ;;
    --connections) connections=$2 ;;
    --backend) backends+=("$2") ;;
    --build) build=$2 ;;
    --out) out=$2 ;;
    *) printf 'soak.sh: there is no option %s\n' "$1" >&2 && usage >&2 && exit 2 ;;
    esac
    shift 2
done
build=$(cd "$build" 2>/dev/null && pwd) || { printf 'soak.sh: there is no build folder\n' >&2 && exit 2; }
out=${out:-$build/soak}
[ ${#backends[@]} -gt 0 ] || backends=(openssl mbedtls wolfssl)
for file in bin/siptls bin/soak-load bin/soak-clock.so bin/soak-heap.so; do
    [ -e "$build/$file" ] || { printf 'soak.sh: %s is not built\n' "$build/$file" >&2 && exit 2; }
done
mkdir -p "$out"
[ -e "$build/pki/server.chain.pem" ] || "$source_dir/tests/pki/make.sh" "$build/pki" || exit 2

bad=()
for backend in "${backends[@]}"; do
    printf -- '--- %s: %s minutes, %s connections\n' "$backend" "$minutes" "$connections"
    python3 "$here/soak.py" --tool "$build/bin/siptls" --load "$build/bin/soak-load" --clock "$build/bin/soak-clock.so" \
        --heap "$build/bin/soak-heap.so" --pki "$build/pki" --backend "$backend" --minutes "$minutes" --connections "$connections" \
        --report "$out/$backend.json" "$@" || bad+=("$backend")
done
printf 'results: %s/*.json\n' "$out"
if [ ${#bad[@]} -gt 0 ]; then
    printf 'the soak is BAD on %s\n' "${bad[*]}"
    exit 1
fi
printf 'the soak is GOOD on %s\n' "${backends[*]}"
