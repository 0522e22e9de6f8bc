#!/usr/bin/env bash
# The benchmark's programs do their work on every subject, and write records that can be read. No speed is looked at.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

bin=${SIPTLS_BUILD_DIR:-$source_dir/build/default}/bin
[ -x "$bin/bench_handshakes" ] || skip_all "the benchmark is not built (-DSIPTLS_BENCH=ON)"

"$source_dir/bench/make-pki.sh" "$work/pki" >"$out" 2>&1 || fail "the certificates" "they are not made" "$out"

# --- what is asked for wrongly

expect "no certificates" 2 'say where the certificates are' "$bin/bench_handshakes"
expect "no such section" 2 'has no section "speed", only: handshake cross own' "$bin/bench_handshakes" --section speed --pki "$work/pki"
expect "no such subject" 2 'there is no subject "gnutls"' "$bin/bench_handshakes" --pki "$work/pki" --subject gnutls
expect "no number" 2 'takes a number' "$bin/bench_handshakes" --pki "$work/pki" --runs 0
expect "certificates of nobody" 1 'FAILED: .*makes no context' "$bin/bench_messages" --pki "$work" --runs 1 --quick
expect "no such section of the whole" 2 'there is no section "speed"' "$source_dir/bench/run" --only speed
expect "a section of the whole twice" 2 'the section "own" is named twice' "$source_dir/bench/run" --only own,code,own
expect "no section of the whole" 2 'needs the names of sections' "$source_dir/bench/run" --only ''
expect "reports are looked for where the user is" 2 "$work/old.json: No such file" \
    env -C "$work" "$source_dir/bench/run" compare old.json new.json
expect "the sections of the whole" 0 '^handshake +handshakes of each kind' "$source_dir/bench/run" --list

# --- every subject, a few samples of each

records=$work/records
expect "handshakes" 0 'case 1 of' "$bin/bench_handshakes" --pki "$work/pki" --quick --runs 2 --records "$records"
expect "each with each" 0 'case 1 of' "$bin/bench_handshakes" --section cross --pki "$work/pki" --quick --runs 1 --records "$records"
expect "messages" 0 'case 1 of' "$bin/bench_messages" --pki "$work/pki" --quick --runs 2 --records "$records"
expect "messages, counted" 0 'case 1 of' "$bin/bench_messages_counted" --pki "$work/pki" --quick --runs 2 --records "$records"
"$bin/bench_certificates" 150 "$work/pki" >"$out" 2>&1 || fail "many certificates" "they are not made" "$out"
expect "memory" 0 'case 1 of' "$bin/bench_memory" --pki "$work/pki" --quick --records "$records"
expect "scale" 0 'case 1 of' "$bin/bench_scale" --pki "$work/pki" --quick --runs 1 --records "$records"

expect "the storm" 0 'refused: 50 of 50 phones are back' "$bin/bench_storm" --pki "$work/pki" --runs 1 --phones 50 \
    --records "$records"

# How many records there must be of each metric: each subject as a client and as a server of its raw library in 6 kinds
# of handshakes and 2 sizes of messages; each subject with each, both sides told. Memory: 3 cases of both sides. Scale: 3
# numbers of anchors, 2 of connections and of threads; 2 of names, with siptls. Of the
# storm each of 4 kinds.
# shellcheck disable=SC2317 # expect calls it
check_records() {
    python3 - "$records" "${#backends[@]}" <<'END'
import collections
import json
import sys

libraries = int(sys.argv[2])
subjects = 2 * libraries
expected = {("handshake", "time"): 6 * 2 * subjects, ("cross", "time"): 2 * subjects * subjects,
            ("messages", "time"): 2 * 2 * subjects, ("messages", "system_calls"): 2 * 2 * subjects,
            ("messages", "allocations"): 2 * 2 * subjects, ("messages", "own_allocations"): 2 * 2 * libraries,
            ("memory", "heap"): 3 * 2 * subjects, ("memory", "peak"): 3 * 2 * subjects,
            ("memory", "own_heap"): 3 * 2 * libraries, ("memory", "own_peak"): 2 * 2 * libraries,
            ("memory", "kept"): 2 * 2 * libraries, ("memory", "rss"): 2 * subjects,
            ("scale", "time"): (3 + 2 + 2) * subjects + 2 * libraries, ("scale", "rate"): 2 * subjects}
found = collections.Counter()
keys = set()
for line in open(sys.argv[1], encoding="utf-8"):
    record = json.loads(line)
    assert record["low"] <= record["median"] <= record["high"] and record["runs"] > 0, line
    assert record["metric"] != "time" or record["median"] > 0, line
    assert record["metric"] != "lost" or record["median"] == 0, line
    key = json.dumps([record[name] for name in ("section", "case", "subject", "peer", "side", "metric")])
    found[record["section"], record["metric"]] += 1
    keys.add((key, record["section"]))
# In "cross" a pair of raw libraries is measured as others are; nothing is there twice.
assert len(keys) == sum(found.values()), "a record is there twice"
for metric in ("time", "latency", "cpu", "rate", "rss", "resumed", "turned_away", "failed", "lost", "most_tries"):
    expected["storm", metric] = 4 * libraries
assert found == expected, f"{dict(found)}, not {expected}"
print("well formed")
END
}
expect "the records" 0 'well formed' check_records

# --- what others use, as far as it was there when the benchmark was built

peers=$work/peers
expect "the peers verify, and are measured" 0 'case 1 of' "$bin/bench_peers" --pki "$work/pki" --quick --runs 1 --records "$peers"

# In each case each subject has one figure, or the reason for none, as a client and as a server.
# shellcheck disable=SC2317
check_peers() {
    python3 - "$peers" "${#backends[@]}" <<'END'
import collections
import json
import sys

cases = collections.defaultdict(collections.Counter)
for line in open(sys.argv[1], encoding="utf-8"):
    record = json.loads(line)
    assert record["metric"] == "time" and record["median"] > 0 or record["metric"] == "lacks" and record["why"], line
    cases[json.dumps(record["case"])][record["subject"], record["side"]] += 1
assert len(cases) == 3, f"{len(cases)} cases"
for case, found in cases.items():
    subjects = {subject for subject, _ in found}
    assert {"raw-openssl", "libevent", "libtls", "libcurl", "libre", "sofia-sip"} < subjects, subjects
    assert len(subjects) == 6 + int(sys.argv[2]) and len(found) == 2 * len(subjects), found
    assert set(found.values()) == {1}, found
print("complete")
END
}
expect "the records of the peers" 0 'complete' check_peers

# --- a message costs no more calls of the system than messages there are: one out, one in

# shellcheck disable=SC2317
check_calls() {
    python3 - "$records" <<'END'
import json
import sys

for line in open(sys.argv[1], encoding="utf-8"):
    record = json.loads(line)
    if record["metric"] == "system_calls" and record["case"]["size"] == 400 and record["subject"].startswith("siptls"):
        assert record["median"] == 2, line
    if record["metric"] == "own_allocations" and record["case"]["size"] == 400:
        assert record["median"] == 0, line
print("one each way")
END
}
expect "system calls and allocations of a message" 0 'one each way' check_calls

# --- instructions: each subject's, also of what it does itself; a connection's and a message's

count=("$source_dir/bench/instructions.py")
expect "instructions of nothing" 1 'nothing was collected' "${count[@]}" --records "$work/none" true
expect "instructions, and no place for them" 2 'say where the records go' "${count[@]}" "$bin/bench_messages"

ln -s "$source_dir" "$work/link"
expect "siptls's own functions, by whatever way the compiler was told of them" 0 '^True False$' \
    env PYTHONPATH="$source_dir/bench" PYTHONDONTWRITEBYTECODE=1 python3 -c \
    'import instructions, sys; print(*map(instructions.is_own, sys.argv[1:]))' "$work/link/api/conn.c" "$work/link/bench/own.c"

# shellcheck disable=SC2317
check_instructions() {
    python3 - "$work/instructions" "${#backends[@]}" <<'END'
import json
import sys

whole, own = {}, {}
for line in open(sys.argv[1], encoding="utf-8"):
    record = json.loads(line)
    place = {"instructions": whole, "own_instructions": own}[record["metric"]]
    key = record["subject"], record["peer"], record["side"]
    assert key not in place and record["low"] <= record["median"] <= record["high"] and record["runs"] == 1, line
    place[key] = record["median"]
assert len(whole) == 2 * 2 * int(sys.argv[2]), whole
assert set(own) == {key for key in whole if key[0].startswith("siptls")}, own
for key, value in own.items():
    assert 100 < value < whole[key] / 2, f"{key}: {value} of {whole[key]}"
print("all counted")
END
}
if [ -n "${SIPTLS_SANITIZE:-}" ] || ! command -v valgrind >/dev/null; then
    skip "instructions" "valgrind is not there, or cannot run what a sanitizer watches"
else
    message=("$bin/bench_messages" --pki "$work/pki" --quick --runs 1 --case '"size":400')
    expect "instructions of a message" 0 'messages: case 1 of' "${count[@]}" --records "$work/instructions" "${message[@]}"
    expect "the instructions" 0 'all counted' check_instructions
    mkdir "$work/elsewhere"
    cp "$source_dir/bench/instructions.py" "$work/elsewhere"
    expect "instructions of another source's siptls are not none" 1 'no function of siptls-[a-z]+ is known' \
        "$work/elsewhere/instructions.py" --records "$work/none" "${message[@]}" --subject "siptls-${backends[0]},raw-${backends[0]}"
    expect "where they go" 0 '^ +[0-9]+  stls_conn_(read|write) +api/' "${count[@]}" --functions 5 "${message[@]}" \
        --subject "siptls-${backends[0]},raw-${backends[0]}"
fi

finish
