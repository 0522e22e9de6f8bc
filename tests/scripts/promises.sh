#!/usr/bin/env bash
# Every promise of SECURITY.md is named by a test that holds siptls to it, and no test names one that is not there. A fuzz
# target alone does not do: it says what must not happen, and not what must.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

security=$source_dir/SECURITY.md
promises=$(sed -En 's/^\| (P[0-9]+) \|.*/\1/p' "$security")
# named_in GREP-OPTION...
named_in() {
    grep -rhoE "$@" 'Promises? P[0-9]+(, P[0-9]+)*( and P[0-9]+)? of SECURITY\.md' "$source_dir/tests" |
        grep -oE 'P[0-9]+' | sort -u
}
named=$(named_in -e)
tested=$(named_in --exclude-dir=fuzz -e)

[ -n "$promises" ] || fail "SECURITY.md" "no promises are found in it"
for promise in $promises; do
    if grep -qx "$promise" <<<"$tested"; then
        pass "$promise has tests"
    else
        fail "$promise" "no test but fuzz targets says that it is about it"
    fi
done
for promise in $named; do
    grep -qx "$promise" <<<"$promises" || fail "$promise" "a test names it, and SECURITY.md does not have it"
done

# What it points to is there.
while read -r path; do
    if compgen -G "$source_dir/$path" >/dev/null; then pass "$path"; else
        fail "$path" "SECURITY.md names it, and it is not there"
    fi
done < <(grep -oE '\]\([A-Za-z][^)#]*\)|`(tests|docs|cmake)/[^`]*`' "$security" | tr -d '])(`')

finish
