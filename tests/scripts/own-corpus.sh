#!/usr/bin/env bash
# Our own certificate cases (tests/pki/corpus): on each backend, stls_verify() must come to the expected verdict, with
# the expected flags, each at the expected depth.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

[ -x "$verdicts" ] || skip_all "$verdicts is not built"
python=$(python_with Cryptodome) || skip_all "PyCryptodome is not there, which signs the cases (Debian package python3-pycryptodome)"

generator=$source_dir/tests/pki/corpus/generate.py
if ! "$python" -B "$generator" >"$work/cases" 2>"$out"; then
    fail "the generator" "it ended with an error" "$out"
    finish
fi

# "ID answer flag@depth,..." for each case.
sed -n 's/^# flags //p' "$work/cases" >"$work/want"

judge() {
    "$verdicts" --backend "$1" "$work/cases" |
        awk -F '\t' '{ flags = $4; sub(/: .*/, "", flags); print $1, $3, flags }'
}

# compare BACKEND: a line for each rule, and for each case that fails.
compare() {
    local rule cases wrong
    judge "$1" >"$work/got.$1"
    if [ "$(wc -l <"$work/got.$1")" != "$(wc -l <"$work/want")" ]; then
        fail "$1: every case is judged" "there are $(wc -l <"$work/want") cases, and $(wc -l <"$work/got.$1") answers"
        return
    fi
    while read -r rule cases wrong; do
        if [ "$wrong" = 0 ]; then pass "$1: $rule: $cases cases"; else
            fail "$1: $rule" "$wrong of $cases cases"
            paste -d ' ' "$work/want" "$work/got.$1" | awk -v rule="$rule::" '
                index($1, rule) == 1 && ($2 != $5 || $3 != $6) {
                    printf "      %s: expected %s (%s), got %s (%s)\n", $1, $2, $3, $5, $6
                }'
        fi
    done < <(paste -d ' ' "$work/want" "$work/got.$1" | awk '
        { rule = $1; sub(/::.*/, "", rule); if (!(rule in cases)) order[++rules] = rule; cases[rule]++ }
        $1 != $4 || $2 != $5 || $3 != $6 { wrong[rule]++ }
        END { for (i = 1; i <= rules; i++) print order[i], cases[order[i]], wrong[order[i]] + 0 }')
}

for backend in "${backends[@]}"; do
    compare "$backend"
done
first=${backends[0]}
for backend in "${backends[@]:1}"; do
    if cmp -s "$work/got.$first" "$work/got.$backend"; then pass "$backend agrees with $first in all"; else
        diff "$work/got.$first" "$work/got.$backend" >"$out"
        fail "$backend agrees with $first" "$(grep -c '^>' "$out") cases differ" "$out"
    fi
done

finish
