#!/usr/bin/env bash
# A thousand connections to Kamailio, one after the other, on each backend and version: each resumes the one before.
# Kamailio 5.6 resumes TLS 1.2 and 1.3 by tickets, whatever its session_cache says; with a single TCP process, always.
# shellcheck source=peers.bash
. "$(dirname "$0")/peers.bash"
# shellcheck source=../scripts/kamailio.bash
. "$here/kamailio.bash"

need kamailio kamailio

# resumed NAME COUNT OPTION...
resumed() {
    local name=$1 count=$2
    shift 2
    timeout 400 "$tool" connect --backend "$backend" --tls "$version" --address "$server" --ca "$pki/root.pem" \
        --reconnect "$count" "$@" sips:example.test >"$out" 2>&1 </dev/null
    local status=$?
    if [ $status = 0 ] && grep -Eq "^    resumed +$count," "$out"; then pass "$name: $count resumed"; else
        fail "$name: $count resumed" "exit code $status" "$out"
        tail -n 15 "$log" | sed 's/^/      > /'
    fi
}

for mode in no yes; do
    own=() who="" count=1000
    [ $mode = no ] || own=(--cert "$pki/phone.chain.pem" --key "$pki/phone.key") who=", our certificate" count=100
    start_kamailio "verify-$mode" $mode TLSv1.2+ 1 || continue
    log=$work/verify-$mode/log
    for backend in "${backends[@]}"; do
        for version in 1.2 1.3; do
            before=$(grep -c 'OPTIONS .* verified=1 phone' "$log")
            resumed "$backend, TLS $version$who" $count "${own[@]}"
            [ $mode = yes ] || continue
            after=$(grep -c 'OPTIONS .* verified=1 phone' "$log")
            if [ $((after - before)) = $((count + 1)) ]; then
                pass "$backend, TLS $version: Kamailio knows us each time"
            else
                fail "$backend, TLS $version: Kamailio knows us each time" "$((after - before)) times" "$log"
            fi
        done
    done
done

# With two, the ticket of one comes to the other: a full handshake, and never an error.
if start_kamailio two no TLSv1.2+ 2; then
    for backend in "${backends[@]}"; do
        for version in 1.2 1.3; do
            expect "$backend, TLS $version: a ticket for another process" 0 '^    full ' "$tool" connect \
                --backend "$backend" --tls "$version" --address "$server" --ca "$pki/root.pem" --reconnect 3 \
                sips:example.test
        done
    done
fi

finish
