#!/usr/bin/env bash
# tests/fuzz/keep.sh BIN PKI FOLDER
#
# Brings what a long run has kept in FOLDER (tests/fuzz/run.sh) into the tree, as small as it can be: the fewest short
# inputs that reach the same, beside those that are there already. Targets of different backends share one folder.
set -eu
bin=$1 pki=$2 folder=$3
corpus=$(cd "$(dirname "$0")" && pwd)/corpus
export SIPTLS_TEST_PKI="$pki"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for target in "$bin"/fuzz_*; do
    name=${target##*/fuzz_}
    kind=$(printf '%s\n' "$name" | sed -E 's/_(openssl|mbedtls|wolfssl)$//')
    mkdir -p "$corpus/$kind" "$work/$kind" "$folder/$name"
    "$target" -merge=1 -set_cover_merge=1 -use_counters=0 -max_len=1024 -timeout=20 "$work/$kind" "$corpus/$kind" "$folder/$name" \
        >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
    printf '%-20s %d inputs\n' "$name" "$(find "$work/$kind" -type f | wc -l)"
done
for kind in "$work"/*/; do
    kind=$(basename "$kind")
    rm -rf "${corpus:?}/$kind"
    mkdir "$corpus/$kind"
    for input in "$work/$kind"/*; do
        # No key is in the tree, also not a test's: the seeds have some, made with the certificates.
        [ ! -f "$input" ] || grep -qa 'PRIVATE KEY' "$input" || cp "$input" "$corpus/$kind/$(sha256sum <"$input" | cut -c1-12)"
    done
done
du -sh "$corpus"
