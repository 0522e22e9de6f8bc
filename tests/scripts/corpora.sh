#!/usr/bin/env bash
# Foreign certificate cases: the backends must agree on every one, stls_verify() and a handshake too; and what siptls
# decides otherwise than the suite must stand in tests/corpora/decisions.txt.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

[ -x "$verdicts" ] || skip_all "$verdicts is not built"
shopt -s nullglob
files=("$corpora"/*.cases "$corpora"/*.cases.xz)
[ ${#files[@]} -gt 0 ] || skip_all "there are no certificate cases in $corpora"

# The lines of a list, without their reasons.
entries() {
    sed 's/[[:blank:]]*#.*//; /^$/d' "$source_dir/tests/corpora/$1" | sort -u
}
known=$work/known
entries handshake-limits.txt >"$known"
entries decisions.txt >"$work/decisions"

read_cases() {
    case $1 in
    *.xz) xz -dc "$1" ;;
    *) cat "$1" ;;
    esac
}

# judge BACKEND MODE FILE: one line "ID expected answer" for each case; a handshake cannot judge clients' chains.
judge() {
    read_cases "$3" | "$verdicts" --backend "$1" --mode "$2" - | grep -v 'use --mode verify$' | cut -f 1-3 | tr '\t' ' '
}

# without_limits BACKEND: drops the cases that are known limits of it.
without_limits() {
    awk -v backend="$1" -v known="$known" '
        BEGIN { while ((getline line < known) > 0) limit[line] = 1 }
        !((backend " " $1) in limit)'
}

# reads_any_chain BACKEND: whether this build of it brings every chain to our verdict.
reads_any_chain() {
    "$tool" backends --json | python3 -c '
import json, sys
for backend in json.load(sys.stdin)["backends"]:
    if backend["name"] == sys.argv[1]:
        sys.exit(not backend["capabilities"]["any-chain"])' "$1"
}

# without_refusals VERIFIED HANDSHAKES: for a build that does not (the distribution's): drops the cases that a handshake
# refuses otherwise than stls_verify() would. That it accepts no more than stls_verify() is checked of all cases.
without_refusals() {
    awk 'NR == FNR { verified[$1] = $3; next } $3 == "accept" || $3 == verified[$1]' "$1" "$2"
}

# compare NAME ONE OTHER: one check for each case, told in one line if all agree.
compare() {
    local cases differences
    cases=$(wc -l <"$2")
    differences=$(diff "$2" "$3" | grep -c '^>')
    if [ "$cases" = 0 ]; then
        fail "$1" "no case was judged"
    elif cmp -s "$2" "$3"; then
        pass "$1: $cases cases"
    else
        diff "$2" "$3" >"$out"
        fail "$1" "$differences of $cases cases differ" "$out"
    fi
}

for file in "${files[@]}"; do
    suite=$(basename "$file" .xz)
    suite=${suite%.cases}
    first=${backends[0]}
    for backend in "${backends[@]}"; do
        judge "$backend" verify "$file" >"$work/$suite.verify.$backend"
        judge "$backend" handshake "$file" >"$work/$suite.handshake.$backend"
    done
    if [ "$(read_cases "$file" | grep -c '^case ')" != "$(wc -l <"$work/$suite.verify.$first")" ]; then
        fail "$suite: every case is judged" "there are more cases than answers"
    fi
    awk '$3 == "unsupported" { u++; next } $2 == $3 { same++; next } { other++ }
        END { printf "      %d as expected, %d decided otherwise, %d unsupported\n", same, other, u }' \
        "$work/$suite.verify.$first"
    # A case that is decided otherwise is in the list, and one in the list is decided otherwise.
    awk '$3 != "unsupported" && $2 != $3 { print $1, $3 }' "$work/$suite.verify.$first" | sort >"$work/got"
    awk 'NR == FNR { judged[$1] = 1; next } $1 in judged' "$work/$suite.verify.$first" "$work/decisions" >"$work/want"
    if diff "$work/want" "$work/got" >"$out"; then pass "$suite: $(wc -l <"$work/want") decisions of our own"; else
        fail "$suite: decisions of our own" "they are not those of tests/corpora/decisions.txt" "$out"
    fi
    for backend in "${backends[@]:1}"; do
        compare "$suite: $backend agrees with $first" "$work/$suite.verify.$first" "$work/$suite.verify.$backend"
    done
    # A handshake must come to the verdict of stls_verify(), but for the known limits.
    for backend in "${backends[@]}"; do
        without_limits "$backend" <"$work/$suite.handshake.$backend" >"$work/got"
        if ! reads_any_chain "$backend"; then
            mv "$work/got" "$work/all"
            without_refusals "$work/$suite.verify.$backend" "$work/all" >"$work/got"
            printf '      %d refused by %s itself, which cannot read any chain\n' \
                $(($(wc -l <"$work/all") - $(wc -l <"$work/got"))) "$backend"
        fi
        awk 'NR == FNR { asked[$1] = 1; next } $1 in asked' "$work/got" "$work/$suite.verify.$backend" >"$work/want"
        compare "$suite: handshakes on $backend" "$work/want" "$work/got"
        # Known limit or not: a handshake accepts nothing that stls_verify() does not.
        grep ' accept$' "$work/$suite.handshake.$backend" | grep -vxFf "$work/$suite.verify.$backend" >"$out" &&
            fail "$suite: handshakes on $backend" "these are accepted, and should not be" "$out"
    done
done

finish
