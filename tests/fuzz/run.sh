#!/usr/bin/env bash
# tests/fuzz/run.sh BIN PKI SECONDS [FOLDER MINUTES]
#
# Runs every fuzz target of BIN for SECONDS, as many at a time as there are processors, seeded from the test PKI in PKI
# and with what is kept in corpus/. Prints one line a target, and last "N passed, N failed, 0 skipped".
#
# With FOLDER: again and again until MINUTES have passed or something was found. Inputs that reach something new are kept
# in FOLDER/<target> and are where the next run begins, also of another day; what was found is FOLDER/found/*.
# shellcheck disable=SC2059 # seeds are octets, which printf's format writes
set -u
bin=$1 pki=$2 seconds=$3 folder=${4:-} minutes=${5:-0}
corpus=$(cd "$(dirname "$0")" && pwd)/corpus # of target_BACKEND: that of target
passed=0 failed=0
jobs=$(nproc 2>/dev/null || echo 2)
work=$(mktemp -d) || exit 1
declare -A running=() # by process: the target's name
clean_up() {
    [ ${#running[@]} = 0 ] || kill "${!running[@]}" 2>/dev/null
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' HUP INT TERM
export SIPTLS_TEST_PKI="$pki"

# A block of tests/fuzz/verify.c: two octets of length, the top bit of which marks an anchor, and the content.
block() {
    size=$(wc -c <"$1")
    printf '%b' "\\0$(printf %o $((size / 256 + $2)))\\0$(printf %o $((size % 256)))"
    cat "$1"
}

# Chains of the test PKI: rules of zeros, the leaf, its intermediate, the root as anchor.
seed_chains() {
    printf '\0\0\0\0\0\0\0\0' >"$work/rules"
    for leaf in "$pki"/*.der; do
        { block "$work/rules" 0 && block "$leaf" 0 && block "$pki/int.der" 0 && block "$pki/root.der" 128; } \
            >"$1/${leaf##*/}"
    done
}

# Files of profiles with three octets in front, which choose the edit.
seed_profiles() {
    printf '000[sip]\ntrust = all ; x\n; y\nciphers = TLS_AES_128_GCM_SHA256:\n  TLS_AES_256_GCM_SHA384\n' >"$1/one"
    printf '100[sip]\r\nverify = none\r\n\r\n[web]\r\nalpn=x\r\n[sip]\r\ntolerate = expired\r\n' >"$1/two"
    printf '210\357\273\277[a]\n[b]\n  usage: tls\nmax-intermediates = 3\nhandshake-timeout-ms = 0' >"$1/three"
    printf '0\0161[sip]\ncrl = leaf ; of the house\n' >"$1/four"
}

# A peer as api/record.c writes it: accepted, a path of a certificate and the anchor, one certificate.
peer() {
    printf '\1\0\0\0\0\0\0\0\0\0\0\0\0\0\037' && head -c 39 /dev/zero &&
        printf '\177\377\377\377\377\377\377\377\177\377\377\377\377\377\377\377' && printf '\0\0\0\2\0\377\1\0\0\0\1a\0\0\0\1b\0\1\0\0\0\3der'
}

# One octet says what it is (0 an exported session, 1 the record of a ticket, 2 a peer alone) and, in steps of three, on
# which backend. Times lie about the target's, or in 1970.
seed_sessions() {
    now='\0\0\0\0\153\111\322\0'
    later='\0\0\0\0\153\112\0\0'
    for what in 0 3 6; do
        { printf "\\$what"'\0\0\0\1p\0\0\0\1s'"$now$later$now"'\1' && peer && printf '\0\0\0\5state'; } >"$1/session$what"
    done
    { printf '\1'"$now$now"'\0\1' && peer; } >"$1/record"
    printf '\1'"$now$now"'\0\0' >"$1/nobody"
    { printf '\2' && peer; } >"$1/peer"
}

# What a connection is (its first octet: who is the target, the peer's backend, the version, whether the client shows a
# certificate, whether a session is resumed), how bytes arrive, and an order or none: tests/fuzz/connection.c.
seed_connections() {
    for role in 0 1; do for peer in 0 2 4; do for version in 0 8; do for more in 0 96; do
        kind=$(printf '\\%o\\0' $((role + peer + version + more)))
        printf '%b' "$kind" >"$1/$role$peer$version$more"
        printf '%b' "$kind"'\0\1\0\010\0\0\1\1' >"$1/xor$role$peer$version$more"
    done; done; done; done
    printf '\0\0\015\0\0\0\0\012\4\0\2\0\035' >"$1/extension"
    printf '\0\0\010\3\0\047\0\025\2\1\132' >"$1/warnings"
    printf '\0\0\013\2\0\5\0\0\0\017\3\0\0\0\0\0\7\1\0\0\0\0\0' >"$1/split"
    printf '\0\0\7\1\0\0\0\1\0\6\2\0\0\0\1\0\5\4\0\0\0\0\0\016\6\0\0\0\0\0' >"$1/order"
    printf '\0\0\3\2\0\050\0\3\4\0\0\0\1\2\3\0\4\0\0\2\0\4\3\0\020\0\0\0' >"$1/resize"
}

seed_tickets() {
    for kind in 0 1 2 4 5 6 10 11 12 14 15 16; do # octal
        printf "\\$kind" >"$1/untouched$kind"
        printf "\\$kind"'\0\3\1' >"$1/name$kind"
        printf "\\$kind"'\0\050\1' >"$1/inside$kind"
        printf "\\$kind"'\200\074\0' >"$1/cut$kind"
    done
}

# A ClientHello of two suites with a name, groups and a ticket.
seed_hellos() {
    hello='\1\0\0\157\3\3rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr\0\0\4\023\1\300\053\1\0\0\102\0\0\0\6\0\4\0\0\1a\0\012\0\4\0\2\0\027'
    ticket='\0\051\0\054\0\7\0\1t\0\0\0\1\0\041\040bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb'
    printf "$hello$ticket" >"$1/hello"
}

# A block of tests/fuzz/store.c: what it is, as an octal number, and a file.
store_block() {
    size=$(wc -c <"$2")
    printf '%b' "\\0$1\\0$(printf %o $((size / 256)))\\0$(printf %o $((size % 256)))"
    cat "$2"
}

seed_stores() {
    cat "$pki/server.chain.pem" "$pki/server.key" >"$work/server"
    openssl crl -in "$pki/crl-int-critical.pem" -outform DER -out "$work/crl" 2>/dev/null
    printf '\0\0' >"$1/empty"
    { printf '\17\4' && store_block 1 "$pki/root.pem" && store_block 2 "$pki/root.der" &&
        store_block 3 "$work/server" && store_block 5 "$work/server" && store_block 6 "$work/crl"; } >"$1/all"
    { printf '\0\1' && store_block 12 "$pki/root.der" && store_block 26 "$work/crl"; } >"$1/damaged"
    printf 'siptls-store 1\ngeneration 7\ntrust all\nsend custom\n' >"$work/index"
    { printf '\20\0' && store_block 0 "$work/index"; } >"$1/index"
    printf '\1\50\1\0\0\1\1\40' >"$1/two-built-in-lists"
}

seed() {
    case $1 in
    pem) cp "$pki"/*.pem "$2" ;;
    pkcs12) cp "$pki"/*.p12 "$2" ;;
    crl) for crl in "$pki"/crl-*.pem; do openssl crl -in "$crl" -outform DER -out "$2/${crl##*/}" 2>/dev/null; done ;;
    profiles) seed_profiles "$2" ;;
    sips_framing) printf '\1\7\r\n\r\nOPTIONS sip:a SIP/2.0\r\nContent-Length: 3\r\n\r\nabcOPTIONS sip:a SIP/2.0\r\nl:0\r\n\r\n' >"$2/seed" ;;
    session) seed_sessions "$2" ;;
    verify) seed_chains "$2" ;;
    connection_*) seed_connections "$2" ;;
    ticket_*) seed_tickets "$2" ;;
    hello) seed_hellos "$2" ;;
    store) seed_stores "$2" ;;
    *) cp "$pki"/*.der "$2" ;;
    esac
}

kind_of() {
    printf '%s\n' "$1" | sed -E 's/_(openssl|mbedtls|wolfssl)$//'
}

# 300 kB are more than a peer may send.
start() {
    local name=$1 kept=${folder:-$work/new}/$1
    mkdir -p "$kept" "$work/found/$name"
    "$bin/fuzz_$name" -max_total_time="$seconds" -max_len=300000 -timeout=20 -rss_limit_mb=4096 \
        -artifact_prefix="$work/found/$name/" "$kept" "$work/seeds/$name" "$corpus/$(kind_of "$name")" >"$work/$name.log" 2>&1 &
    running[$!]=$name
}

# What became of one that has ended.
judge() {
    local name=$1 code=$2 found
    if [ "$code" = 0 ]; then
        printf 'ok    fuzz %s: %s runs%s\n' "$name" "$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$work/$name.log")" \
            "${folder:+, $(find "$folder/$name" -type f | wc -l) inputs kept}"
        passed=$((passed + 1))
        return
    fi
    printf 'FAIL  fuzz %s\n' "$name"
    tail -n 40 "$work/$name.log" | sed 's/^/      | /'
    for found in "$work/found/$name"/*; do
        [ -f "$found" ] || continue
        printf '      | %s:\n' "${found##*/}"
        od -An -v -tx1 "$found" | head -n 40
        [ -z "$folder" ] || { mkdir -p "$folder/found" && cp "$found" "$folder/found/$name-${found##*/}"; }
    done
    failed=$((failed + 1))
}

wait_for_one() {
    local process name code
    wait -n -p process "${!running[@]}"
    code=$?
    name=${running[$process]}
    unset "running[$process]"
    judge "$name" $code
}

targets=()
for target in "$bin"/fuzz_*; do
    name=${target##*/fuzz_}
    targets+=("$name")
    mkdir -p "$work/seeds/$name"
    seed "$name" "$work/seeds/$name"
done

round=1
while :; do
    [ -z "$folder" ] || printf -- '-- round %d, minute %d of %d\n' $round $((SECONDS / 60)) "$minutes"
    for name in "${targets[@]}"; do
        [ ${#running[@]} -lt "$jobs" ] || wait_for_one
        start "$name"
    done
    while [ ${#running[@]} -gt 0 ]; do
        wait_for_one
    done
    if [ -z "$folder" ] || [ $failed != 0 ] || [ $SECONDS -ge $((minutes * 60)) ]; then
        break
    fi
    round=$((round + 1))
    passed=0
done
printf '%d passed, %d failed, 0 skipped\n' "$passed" "$failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
