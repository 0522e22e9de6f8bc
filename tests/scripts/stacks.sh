#!/usr/bin/env bash
# docs/stacks.md: its code stands in docs/examples word for word; what stands there compiles, calls `siptls serve` and
# answers `siptls connect` on each backend; and every test that the page names exists.
# shellcheck disable=SC2317 # functions are called through expect()
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

page=$source_dir/docs/stacks.md
examples=$source_dir/docs/examples
build=${SIPTLS_BUILD_DIR:-$source_dir/build/default}
[ -x "$tool" ] || skip_all "$tool is not built"
command -v python3 >/dev/null || skip_all "python3 is not installed"
command -v cc >/dev/null || skip_all "there is no C compiler called cc"

# --- the page

cat >"$work/page.py" <<'END'
import pathlib, re, sys

page = pathlib.Path(sys.argv[1])
text = page.read_text()
wrong = []

sources = {f.name: f.read_text() for f in (page.parent / "examples").glob("*.c")}
shown = set()
for block in re.findall(r"^```c\n(.*?)^```$", text, re.M | re.S):
    where = [name for name, source in sources.items() if block in source]
    shown.update(where)
    if not where:
        wrong.append("this code is in no example:\n" + block)
wrong += ["nothing of %s is shown" % name for name in sources if name not in shown]

for link in re.findall(r"\]\(([^)#]+)\)", text):
    if not (page.parent / link).exists():
        wrong.append("there is no " + link)

# A table's rows: what is needed, the tests, and a cell for each of the other stacks.
table = re.findall(r"^\| (?!\|)(.*) \|$", text[text.index("| | siptls |"):].split("\n\n")[0], re.M)
tests = 0
for row in table:
    need, ours, *others = row.split(" | ")
    if len(others) != 4 or any(not re.search(r"`\w+|^not looked at$", cell) for cell in others):
        wrong.append("%s: a cell has no source" % need)
    named = re.findall(r'\]\(([^)]+)\): ("[^"]*"(?:, "[^"]*")*)', ours)
    if not named:
        wrong.append("%s: no test is named" % need)
    for path, names in named:
        file = page.parent / path
        source = file.read_text() if file.exists() else ""
        for name in re.findall(r'"([^"]*)"', names):
            tests += 1
            if not re.search(r'"(\$backend: )?%s"' % re.escape(name), source):
                wrong.append('%s: no test is called "%s"' % (path, name))

for line in wrong:
    print(line)
print("%d rows, %d tests" % (len(table), tests))
sys.exit(bool(wrong) or len(table) < 20)
END
expect "the page: its code, its links, its tests" 0 '^[0-9]+ rows, [0-9]+ tests$' python3 "$work/page.py" "$page"

# --- the examples

read -ra sanitize <<<"${SIPTLS_SANITIZE:+-g -fsanitize=$SIPTLS_SANITIZE}"
compile() {
    cc -Wall -Wextra -Werror "${sanitize[@]}" -I"$source_dir/api/include" "$examples/$1.c" -o "$work/$1" \
        -L"$build" -lsiptls -Wl,-rpath,"$build" && echo compiled
}
for name in callbacks socket memory server; do
    expect "$name.c compiles without a warning" 0 '^compiled$' compile "$name"
    [ -x "$work/$name" ] || finish
done

# says NAME LINE: the server says it.
says() {
    if wait_for "^$2\$" "$work/$backend.log"; then pass "$1"; else fail "$1" "it does not say so" "$work/$backend.log"; fi
}

for backend in "${backends[@]}"; do
    start_server --backend "$backend" --cert "$pki/server.chain.pem" --key "$pki/server.key"
    port=${server##*:}
    for name in callbacks memory; do
        expect "$backend: $name" 0 '^SIP/2\.0 200 OK, secure$' "$work/$name" "$backend" "$pki/root.pem" example.test "$port"
    done
    expect "$backend: socket" 0 '^SIP/2\.0 200 OK, secure$' "$work/socket" "$backend" "$pki/root.pem" example.test "$port"
    if grep -qx 'SIP/2\.0 200 OK, secure, resumed' "$out"; then pass "$backend: its second call is resumed"; else
        fail "$backend: its second call is resumed" "it is not" "$out"
    fi
    for name in callbacks socket memory; do
        expect "$backend: $name, wrong name" 1 'not for "other\.test"' \
            "$work/$name" "$backend" "$pki/root.pem" other.test "$port"
        expect "$backend: $name, wrong CA" 1 'no trusted CA issued it' \
            "$work/$name" "$backend" "$pki/other-root.pem" example.test "$port"
    done
    expect "$backend: what SIP says to a wrong name" 1 '^Warning: 399 example "TLS identity mismatch' \
        "$work/socket" "$backend" "$pki/root.pem" other.test "$port"
    if [ "$(grep -c OPTIONS "$server_log")" = 4 ]; then pass "$backend: nothing is sent to the wrong server"; else
        fail "$backend: nothing is sent to the wrong server" "not four OPTIONS" "$server_log"
    fi
    stop "$server_pid"

    # The server takes another certificate while it runs, and keeps it when it is given a bad one.
    cp "$pki/server.chain.pem" "$work/chain.pem"
    cp "$pki/server.key" "$work/key.pem"
    "$work/server" "$backend" "$work/chain.pem" "$work/key.pem" "$pki/root.pem" >"$work/$backend.log" 2>&1 &
    pid=$!
    pids+=("$pid")
    wait_for '^listening on ' "$work/$backend.log" || fail "$backend: server" "it does not listen" "$work/$backend.log"
    call=("$tool" connect --backend "$backend" --ca "$pki/root.pem" sips:example.test
        --address "$(sed -n 's/^listening on //p' "$work/$backend.log")")
    expect "$backend: server" 0 'subject +CN=server,' "${call[@]}"
    expect "$backend: server, a phone with a certificate" 0 'OPTIONS +200' "${call[@]}" \
        --cert "$pki/phone.chain.pem" --key "$pki/phone.key"
    expect "$backend: server, a phone of another CA" 3 'unknown_ca' "${call[@]}" \
        --cert "$pki/phone-other.chain.pem" --key "$pki/phone-other.key"
    cp "$pki/server-p384.chain.pem" "$work/chain.pem"
    kill -HUP "$pid"
    says "$backend: server, a key that does not fit" 'not reloaded'
    expect "$backend: server, as before" 0 'subject +CN=server,' "${call[@]}"
    cp "$pki/server-p384.key" "$work/key.pem"
    kill -HUP "$pid"
    says "$backend: server, a new pair" reloaded
    expect "$backend: server, the new certificate" 0 'subject +CN=server-p384,' "${call[@]}"
    stop "$pid"
done

finish
