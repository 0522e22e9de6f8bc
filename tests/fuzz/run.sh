#!/bin/sh
# tests/fuzz/run.sh BIN PKI SECONDS: runs every fuzz target of BIN for SECONDS, seeded from the test PKI in PKI.
# Prints one line a target, and last "N passed, N failed, 0 skipped".
set -u
bin=$1 pki=$2 seconds=$3
passed=0 failed=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

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
}

# A peer as api/record.c writes it: accepted, a path of a certificate and the anchor, one certificate.
peer() {
    printf '\1\0\0\0\0\0\0\0\0\0\0\0\0\0\037' && head -c 39 /dev/zero &&
        printf '\177\377\377\377\377\377\377\377\177\377\377\377\377\377\377\377' && printf '\0\0\0\2\0\377\1\0\0\0\1a\0\0\0\1b\0\1\0\0\0\3der'
}

# One octet says what it is: 0 an exported session, 1 the record of a ticket, 2 a peer alone. Times lie about the
# target's, or in 1970.
seed_sessions() {
    now='\0\0\0\0\153\111\322\0'
    later='\0\0\0\0\153\112\0\0'
    { printf '\0\0\0\0\1p\0\0\0\1s'"$now$later$now"'\1' && peer && printf '\0\0\0\5state'; } >"$1/session"
    { printf '\1'"$now$now"'\0\1' && peer; } >"$1/record"
    printf '\1'"$now$now"'\0\0' >"$1/nobody"
    { printf '\2' && peer; } >"$1/peer"
}

for target in "$bin"/fuzz_*; do
    name=${target##*/fuzz_}
    mkdir -p "$work/$name"
    case $name in
    pem) cp "$pki"/*.pem "$work/$name" ;;
    pkcs12) cp "$pki"/*.p12 "$work/$name" ;;
    crl) for crl in "$pki"/crl-*.pem; do openssl crl -in "$crl" -outform DER -out "$work/$name/${crl##*/}" 2>/dev/null; done ;;
    profiles) seed_profiles "$work/$name" ;;
    sips_framing) printf '\1\7\r\n\r\nOPTIONS sip:a SIP/2.0\r\nContent-Length: 3\r\n\r\nabcOPTIONS sip:a SIP/2.0\r\nl:0\r\n\r\n' >"$work/$name/seed" ;;
    session) seed_sessions "$work/$name" ;;
    verify) seed_chains "$work/$name" ;;
    *) cp "$pki"/*.der "$work/$name" ;;
    esac
    # 300 kB are more than a peer may send.
    if "$target" -max_total_time="$seconds" -max_len=300000 -timeout=20 -rss_limit_mb=4096 \
        -artifact_prefix="$work/" "$work/$name" >"$work/log" 2>&1; then
        printf 'ok    fuzz %s: %s runs\n' "$name" "$(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$work/log")"
        passed=$((passed + 1))
    else
        printf 'FAIL  fuzz %s\n' "$name"
        tail -n 40 "$work/log" | sed 's/^/      | /'
        for found in "$work"/crash-* "$work"/timeout-* "$work"/leak-* "$work"/oom-*; do
            [ ! -f "$found" ] || { printf '      | %s:\n' "${found##*/}"; od -An -v -tx1 "$found" | head -n 40; }
        done
        failed=$((failed + 1))
    fi
done
printf '%d passed, %d failed, 0 skipped\n' "$passed" "$failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
