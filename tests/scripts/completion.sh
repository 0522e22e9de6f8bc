#!/usr/bin/env bash
# The completion of the siptls command in bash: that it knows all that the command knows, and completes as one expects.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

[ -x "$tool" ] || skip_all "$tool is not built"

expect "--help" 0 '^usage: siptls completion' "$tool" completion --help
expect "no shell" 1 'which shell' "$tool" completion
expect "another shell" 1 'no completion for "csh"' "$tool" completion csh
expect "the script" 0 'complete -F _siptls siptls' "$tool" completion bash
# It fails if an option takes what it does not know.
"$tool" completion bash >"$work/siptls.bash" 2>"$out" || fail "what options take" "not all of it is known" "$out"
# shellcheck disable=SC1091 # it has just been written
. "$work/siptls.bash"

# complete_line WORD...: what is offered for the last WORD, sorted, in one line.
complete_line() {
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
    _siptls
    printf '%s\n' "${COMPREPLY[@]}" | LC_ALL=C sort | paste -sd' '
}

# offers NAME EXPECTED WORD...
offers() {
    local name=$1 expected=$2 got
    shift 2
    got=$(complete_line "$@")
    if [ "$got" = "$expected" ]; then pass "$name"; else fail "$name" "it offers \"$got\", not \"$expected\""; fi
}

# --- as --help has it

commands=$("$tool" --help | sed -n 's/^  \([a-z]*\)  *[a-z].*/\1/p' | sort | paste -sd' ')
offers "the commands of --help" "--help --version $commands" siptls ''

# options_of TEXT-OF-HELP: every --option in it but those of other commands.
options_of() { grep -oE -- '--[a-z][a-z-]+' | LC_ALL=C sort -u | paste -sd' '; }

for command in connect serve verify; do
    # The text mentions --help of no option table; what it explains begins a line.
    listed=$({ echo --help; "$tool" $command --help | sed -n '/^  --/p'; } | options_of)
    offers "the options of $command" "$listed" siptls $command --
done
offers "the options of backends" "--all --help --json --presets" siptls backends --

# Each action of a group: the help tells its operands, getopt knows its options.
for group in store device profile; do
    actions=$("$tool" $group --help | sed -n 's/^  \([a-z-]*\) \(FOLDER\|PLACE\).*/\1/p' | sort -u | paste -sd' ')
    offers "the commands of $group" "--help $actions" siptls $group ''
    for action in $actions; do
        good=yes
        for option in $(complete_line siptls $group "$action" --); do
            # Whatever it complains of, it is not that the option does not belong there.
            "$tool" $group "$action" "$option" x --help >"$out" 2>&1
            ! grep -qE 'does not belong|unrecognized' "$out" || good=$option
        done
        if [ "$good" = yes ]; then pass "$group $action takes its options"; else
            fail "$group $action takes its options" "not $good" "$out"
        fi
    done
done
# And the other way round: an option of the group that is not offered is refused.
for pair in 'store list:--force' 'store add:--days' 'device show:--cert' 'profile list:--create'; do
    read -r group action <<<"${pair%:*}"
    expect "$group $action refuses ${pair#*:}" 1 'does not belong' "$tool" "$group" "$action" "${pair#*:}" x y
done

# --- as the manual page has it

# said NAME PATTERN: the page has a line of it.
said() {
    if grep -qE -- "$2" "$source_dir/docs/siptls.1"; then pass "$1"; else fail "$1" "docs/siptls.1 does not have it"; fi
}
for group in store device profile; do
    for action in $(complete_line siptls $group ''); do
        [ "$action" = --help ] || said "the page: $group $action" "^\.It Cm $action( |\$)"
    done
done
for option in $(sed -n "s/^ *[^ ]*\( [a-z]*'\)\{0,1\}) options='\([^']*\)'.*/\2/p" "$work/siptls.bash" | tr ' ' '\n' | sort -u); do
    said "the page: $option" "(Fl|,) -${option#--}( |,|\$)"
done
for key in $(complete_line siptls profile unset file sip ''); do
    said "the page: key $key" "^\.It Cm .*$key( |\$)"
done

# --- every value that is offered is taken

# takes COMMAND OPTION: each word that is offered for it.
takes() {
    local word words
    words=$(complete_line siptls "$1" "$2" '')
    [ -n "$words" ] || { fail "$1 $2" "nothing is offered"; return; }
    for word in $words; do
        timeout 60 "$tool" "$1" "$2" "$word" --help >"$out" 2>&1 || { fail "$1 $2 $word" "it is refused" "$out"; return; }
    done
    pass "$1 $2 takes what is offered"
}
cd "$work" || exit 1 # whose files are offered, too
for option in --tls --identity --tolerate --crl-check; do
    takes connect $option
done
takes serve --verify
takes verify --role
offers "backends" "$(printf '%s\n' "${backends[@]}" | LC_ALL=C sort | paste -sd' ')" siptls connect --backend ''
: >"$work/file"
mkdir "$work/folder"
"$tool" store init --quiet "$work/folder"
for set in $(complete_line siptls store use "$work/folder" ''); do
    expect "store use $set" 0 '.' "$tool" store use "$work/folder" "$set"
done
for which in $(complete_line siptls device use "$work/folder" ''); do
    expect "device use $which" 0 '.' "$tool" device use "$work/folder" "$which"
done
for place in $(complete_line siptls device remove "$work/folder" ''); do
    "$tool" device remove "$work/folder" "$place" >"$out" 2>&1
    if grep -q 'PLACE is' "$out"; then fail "device remove $place" "it is no place" "$out"; else
        pass "device remove $place"
    fi
done
offers "device remove and install have the same places" \
    "$(complete_line siptls device remove "$work/folder" '')" siptls device install --place ''
for parts in $(complete_line siptls store export --parts ''); do
    expect "store export --parts $parts" 0 'wrote' "$tool" store export --parts "$parts" "$work/folder" "$work/file"
done

# --- files, and what stands where

offers "files" "file" siptls verify fil
offers "only folders" "folder" siptls store list f
offers "a file behind the folder" "file folder out siptls.bash" siptls store add folder ''
offers "a file or a word" "system" siptls connect --ca sy
offers "--option=value" "1.2 1.2-1.3" siptls connect --tls = 1.2
offers "--option=" "client server" siptls verify --role =
offers "a value is no operand" "all" siptls store use --backend openssl folder al
offers "nor is one behind =" "all" siptls store use --backend = openssl folder al
offers "nothing to guess" "" siptls connect --timeout ''
offers "nothing behind the last" "" siptls store list folder ''
offers "a command that there is not" "" siptls dance ''

# --- profiles

if "$tool" profile set --create --quiet "$work/folder" sip trust all >"$out" 2>&1; then
    "$tool" profile set --create --quiet "$work/folder" web
    cp "$work/folder/profiles.ini" "$work/file"
    offers "profiles of a file" "sip web" siptls profile show file ''
    offers "profiles of a store" "sip" siptls profile show folder s
    offers "keys" "max-fragment max-handshakes max-intermediates max-version" siptls profile set file sip max-
    offers "the keys of --help" \
        "$("$tool" profile --help | sed -n '/^Keys/,/^$/s/^  \([a-z-]*\) .*/\1/p' | LC_ALL=C sort | paste -sd' ')" \
        siptls profile unset file sip ''
    offers "values" "optional optional-any" siptls profile set file sip verify opt
    offers "a second key" "trust" siptls profile set file sip verify none tr
    offers "a second value" "sip" siptls profile set file sip verify none usage s
    for key in $(complete_line siptls profile set file sip ''); do
        good=yes
        for value in $(complete_line siptls profile set file sip "$key" ''); do
            "$tool" profile set --quiet file web "$key" "$value" >"$out" 2>&1 || good=$value
        done
        if [ "$good" = yes ]; then pass "the values of $key"; else fail "the values of $key" "not $good" "$out"; fi
    done
else
    skip "profiles" "this build has none"
fi

finish
