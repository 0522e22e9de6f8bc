#!/usr/bin/env bash
# The soak of `siptls proxy`, in short: 60 connections on each backend for 10 seconds; the long one is tests/soak/soak.sh.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

bin=$(dirname "$tool")
[ "$(uname)" = Linux ] || skip_all "siptls proxy needs Linux"
command -v python3 >/dev/null || skip_all "there is no python3"
[ -x "$bin/soak-load" ] || skip_all "$bin/soak-load is not built"

# A sanitizer has a heap of its own, and finds leaks by itself at the end.
heap=()
[ -n "${SIPTLS_SANITIZE:-}" ] || heap=(--heap "$bin/soak-heap.so")

# The backends at the same time: most of it is waiting.
for backend in "${backends[@]}"; do
    python3 "$source_dir/tests/soak/soak.py" --tool "$tool" --load "$bin/soak-load" --clock "$bin/soak-clock.so" --pki "$pki" \
        --backend "$backend" --minutes 0.17 --connections 60 --life 4 --reload 0.25 --disk 1024 --growth inf "${heap[@]}" \
        >"$work/$backend.log" 2>&1 &
    pids+=($!)
    runs+=($!)
done
for i in "${!backends[@]}"; do
    if wait "${runs[i]}"; then
        pass "${backends[i]}: 60 connections, reloads, deaths, a full log, a clock that jumps"
    else
        fail "${backends[i]}" "$(tail -n 1 "$work/${backends[i]}.log")" "$work/${backends[i]}.log"
    fi
done

finish
