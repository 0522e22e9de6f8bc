# shellcheck shell=bash
# How the scripts that run many single checks tell of them. Sourced, never run; $work is a folder of the script's own.

# tell FOUND WHAT: one line, and below it what was found. In one piece, however many tell at the same time.
tell() (
    flock 9
    if [ -z "$1" ]; then
        printf 'ok    %s\n' "$2"
    else
        printf 'FAIL  %s\n' "$2"
        head -n 100 <<<"$1" | sed 's/^/      | /'
    fi
) 9>>"$work/lock"

# count: hands on what it reads, and last the sum. Fails if something failed, or nothing passed.
count() {
    local line passed=0 failed=0 skipped=0
    while IFS= read -r line; do
        printf '%s\n' "$line"
        case $line in
        ok\ *) passed=$((passed + 1)) ;;
        FAIL\ *) failed=$((failed + 1)) ;;
        SKIP\ *) skipped=$((skipped + 1)) ;;
        esac
    done
    printf '%d passed, %d failed, %d skipped\n' $passed $failed $skipped
    [ $failed = 0 ] && [ $passed -gt 0 ]
}
