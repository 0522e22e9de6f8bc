#!/usr/bin/env bash
# The verdicts of siptls and of OpenSSL's own verifier on our own corpus, and on random changes of its chains: every
# difference must be explained by a rule of tests/corpora/differential-rules.txt, and the backends must agree on all.
#
# SIPTLS_MUTANTS and SIPTLS_SEED: how many changes, and which.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

mutants=${SIPTLS_MUTANTS:-3000} seed=${SIPTLS_SEED:-1}
corpus=$source_dir/tests/pki/corpus
rules=$source_dir/tests/corpora/differential-rules.txt
openssl_verdicts=${SIPTLS_BUILD_DIR:-$source_dir/build/default}/bin/openssl_verdicts

[ -x "$verdicts" ] || skip_all "$verdicts is not built"
python=$(python_with Cryptodome) || skip_all "PyCryptodome is not there, which signs the cases (Debian package python3-pycryptodome)"
"$verdicts" --backend openssl /dev/null >/dev/null 2>&1 || skip_all "the backend openssl is not built"
[ -x "$openssl_verdicts" ] || skip_all "$openssl_verdicts is not built"

if ! "$python" -B "$corpus/generate.py" >"$work/cases" 2>"$out" ||
    ! "$python" -B "$corpus/mutate.py" "$rules" "$mutants" "$seed" >>"$work/cases" 2>"$out"; then
    fail "the generator" "it ended with an error" "$out"
    finish
fi
cases=$(grep -c '^case ' "$work/cases")

for backend in "${backends[@]}"; do
    "$verdicts" --backend "$backend" "$work/cases" >"$work/$backend"
    # Sentences name the backend; verdicts and flags are the same.
    sed 's/: .*//' "$work/$backend" >"$work/$backend.flags"
    if [ "$(wc -l <"$work/$backend")" != "$cases" ]; then
        fail "$backend" "there are $cases cases, and $(wc -l <"$work/$backend") answers"
    elif diff "$work/${backends[0]}.flags" "$work/$backend.flags" >"$out"; then
        pass "$backend: $cases cases, seed $seed"
    else
        fail "$backend agrees with ${backends[0]}" "$(grep -c '^>' "$out") of $cases cases differ" "$out"
    fi
done

[ -f "$work/openssl" ] || "$verdicts" --backend openssl "$work/cases" >"$work/openssl"
# OpenSSL 3.0 leaves names of some chains behind, and it is not its leaks that are looked for here.
if ! ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 "$openssl_verdicts" --parts "$work/cases" >"$work/library" 2>"$out"; then
    fail "openssl_verdicts" "it ended with an error" "$out"
elif "$python" -B "$corpus/differences.py" "$rules" "$work/openssl" "$work/library" >"$out"; then
    pass "OpenSSL's verifier: $(tail -n 1 "$out")"
else
    fail "OpenSSL's verifier" "$(tail -n 1 "$out")" "$out"
fi

finish
