#!/usr/bin/env bash
# Who may include whom (the rules stand in the design's first section), and what may not stand in the tree at all.
# shellcheck source=lib.bash
. "$(dirname "$0")/lib.bash"

cd "$source_dir" || exit 1
[ -d api/include/siptls ] || skip_all "this is no source tree"

# only NAME 'ALLOWED PATTERN' FILE...: every #include of the files must match the extended regular expression.
only() {
    local name=$1 allowed=$2
    shift 2
    [ $# -gt 0 ] || { fail "$name" "there are no such files"; return; }
    if grep -nHE '^[[:blank:]]*#[[:blank:]]*include' "$@" | grep -Ev "include[[:blank:]]*$allowed" >"$out"; then
        fail "$name" "these includes are not allowed" "$out"
    else
        pass "$name"
    fi
}

# never NAME PATTERN FILE...: no line of the files may match.
never() {
    local name=$1 pattern=$2
    shift 2
    if grep -InHE -e "$pattern" "$@" >"$out"; then fail "$name" "these lines should not be" "$out"; else pass "$name"; fi
}

sources() {
    find "$@" -name '*.[ch]' | sort
}

# Headers of the C library and of the system stand flat or in these folders; those of a TLS library in its own.
system='<((sys|netinet|arpa)/)?[a-z0-9_]+\.h>'
public='<siptls/[a-z]+\.h>'
base='"base/(error|lock|memory)\.h"'
contract='"backends/contract\.h"'

mapfile -t files < <(sources api/include)
only "public headers include public headers" "($public|<std(bool|def|int)\.h>)" "${files[@]}"
only "contract.h includes public headers" "$public" backends/contract.h
mapfile -t files < <(sources base)
only "base/ is the lowest room" "($system|$public|$base)" "${files[@]}"
mapfile -t files < <(sources certstore/read)
only "certstore/read includes itself and base" "($system|$public|$base|$contract|\"certstore/read/[a-z0-9_]+\.h\")" \
    "${files[@]}"
mapfile -t files < <(sources certstore/verify)
only "certstore/verify includes read, never keep" \
    "($system|$public|$base|$contract|\"certstore/(read|verify)/[a-z0-9_]+\.h\")" "${files[@]}"
mapfile -t files < <(sources certstore/keep)
only "certstore/keep includes read and verify" \
    "($system|$public|$base|$contract|\"certstore/(read|verify|keep)/[a-z0-9_]+\.h\")" "${files[@]}"
mapfile -t files < <(find api -maxdepth 1 -name '*.[ch]' | sort)
only "api includes certstore, base and the contract" \
    "($system|$public|$base|$contract|\"(api|certstore/[a-z]+)/[a-z0-9_]+\.h\")" "${files[@]}"
for backend in openssl mbedtls wolfssl; do
    case $backend in
    mbedtls) own='<(mbedtls|psa)/[a-z0-9_]+\.h>' ;;
    *) own="<$backend/([a-z]+/)*[a-z0-9_-]+\.h>" ;;
    esac
    mapfile -t files < <(sources backends/$backend)
    only "backends/$backend includes the contract and its library" \
        "($system|$contract|<backends/contract\.h>|$public|\"(backends/$backend/)?[a-z0-9_]+\.h\"|$own)" "${files[@]}"
done
mapfile -t files < <(sources tools)
only "tools include public headers, and their own" "($system|$public|\"(\.\./)?[a-z]+\.h\")" "${files[@]}"

# The benchmark measures what users have: of siptls the public headers; each raw subject its own library.
own='"(\.\./)?([a-z]+/)?[a-z_]+\.h"'
mapfile -t files < <(find bench -name '*.[ch]' ! -path 'bench/subjects/*' ! -name certificates.c | sort)
only "bench includes public headers, and its own" "($system|$public|$own|<valgrind/callgrind\.h>)" "${files[@]}"
only "what makes the bench's certificates includes OpenSSL only" "($system|<openssl/[a-z0-9]+\.h>)" bench/certificates.c
mapfile -t files < <(find bench/subjects -name '*.[ch]' ! -name 'raw_*' | sort)
never "no raw library but in its own subject" '#[[:blank:]]*include[[:blank:]]*<(mbedtls|psa|wolfssl)/' "${files[@]}"
for backend in openssl mbedtls wolfssl; do
    case $backend in
    mbedtls) library='<(mbedtls|psa)/[a-z0-9_]+\.h>' ;;
    *) library="<$backend/([a-z]+/)*[a-z0-9_-]+\.h>" ;;
    esac
    only "bench/subjects/raw_$backend includes its library only" "($system|$own|$library)" "bench/subjects/raw_$backend.c"
done

mapfile -t files < <(sources docs)
only "examples include public headers" "($system|$public|\"example\.h\")" "${files[@]}"

# adapter NAME 'ITS STACK'S HEADERS'
adapter() {
    mapfile -t files < <(sources "adapters/$1")
    only "adapters/$1 includes public headers, and its stack's" "($system|$public|\"[a-z_]+\.h\"|$2)" "${files[@]}"
}
adapter libre '<re[a-z_]*\.h>'
adapter osip2 '<(osip2|osipparser2)/[a-z0-9_]+\.h>'
adapter pjsip '<pj/[a-z_]+\.h>|"ssl_sock_[a-z_]+\.[ch]"'

mapfile -t files < <(sources tests/adapters)
only "tests of adapters include those and public headers" \
    "($system|$public|<CUnit/CUnit\.h>|\"(adapters/[a-z0-9]+|tests/support)/[a-z0-9_]+\.h\")" "${files[@]}"

# Outside of its folder nobody asks for a backend at compile time, nor includes its headers.
mapfile -t files < <(sources api base certstore tools adapters docs && echo backends/contract.h)
never "no backend's header outside its folder" '#[[:blank:]]*include[[:blank:]]*<(openssl|mbedtls|psa|wolfssl)/' \
    "${files[@]}"
never "no #if of a backend outside its folder" \
    '^[[:blank:]]*#[[:blank:]]*(el)?if.*(OPENSSL|MBEDTLS|WOLFSSL|(BACKEND|HAVE|WITH)_[A-Z]*(OPENSSL|MBED|WOLF))' "${files[@]}"

# No path of one machine, and no package registry's host, stands in the tree.
# Build trees, wherever they are, are not part of it.
shopt -s nullglob
others=()
for cache in */CMakeCache.txt */*/CMakeCache.txt; do
    others+=(":(exclude)${cache%/CMakeCache.txt}")
done
mapfile -t files < <(git ls-files -co --exclude-standard -- . "${others[@]}" 2>/dev/null |
    grep -vE '\.(pem|der|bin|xz|png)$')
if [ ${#files[@]} -gt 0 ]; then
    machine="(^|[^A-Za-z0-9_./}-])/(work|home|root|Users)""/[A-Za-z]"
    hosts="(deb|security|snapshot|archive)\.debian""\.org|registry\.npmjs""\.org|pypi\.org|proxy\.golang""\.org"
    never "no machine's path in the tree" "$machine" "${files[@]}"
    never "no registry's host in the tree" "$hosts" "${files[@]}"
    never "no private key in the tree" '^-----BEGIN .*PRIVATE KEY-----' "${files[@]}"
else
    skip "paths and hosts in the tree" "git does not list the files here"
fi

finish
