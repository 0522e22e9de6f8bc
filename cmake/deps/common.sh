# shellcheck shell=bash
# What the build-<library>.sh scripts have in common: messages, a private apt state, and a way to put a
# finished library into the cache in one step. Sourced, never run.
#
# A script sets `lib` (its name in the cache) and `title` (its name in messages), then calls
#     deps_main recipe_files build "$@"
# where build() is called in an empty folder and installs below $stage$prefix.
# shellcheck disable=SC2154 # lib, title and root_variable are the including script's

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034 # these two are for the including script
machine=$(uname -m)
# shellcheck disable=SC2034
jobs=$(nproc 2>/dev/null || echo 2)

# SIPTLS_DEPS_SANITIZE=memory: for MemorySanitizer, which must see every write. So clang, and no assembly.
sanitize=
if [ "${SIPTLS_DEPS_SANITIZE:-}" = memory ]; then
    export CC=clang
    sanitize="-g -fno-omit-frame-pointer -fsanitize=memory -fsanitize-memory-track-origins"
fi

say() { printf -- '-- %s\n' "$*"; }

die() {
    printf '%s\n' "$@" >&2
    exit 1
}

# need_tool COMMAND PACKAGE: a missing tool is named with the package that brings it.
missing_packages=
need_tool() {
    command -v "$1" >/dev/null 2>&1 || missing_packages="$missing_packages $2"
}

check_tools() {
    [ -z "$missing_packages" ] || die \
        "siptls cannot build $title: these packages are missing:$missing_packages." \
        "Install them (apt-get install$missing_packages) and configure again."
}

three_ways_out() {
    cat >&2 <<END
Three ways out:
  1. name your own build of it with -D$root_variable=<its prefix>;
  2. install a new enough development package of it on this system;
  3. leave this backend out: -DSIPTLS_BACKENDS="..." without it.
END
}

# Run a step of a build with its output in the log. On failure show the end of the log and where it is.
step() {
    printf '\n### %s\n' "$*" >>"$log"
    "$@" >>"$log" 2>&1 && return
    printf 'siptls: building %s failed in: %s\nThe end of the log:\n' "$title" "$*" >&2
    tail -n 25 "$log" >&2
    printf 'The whole log is %s\n' "$log" >&2
    exit 1
}

# Replace one line of a file, and insist that the pattern stood there exactly once: a source that has changed
# must stop the build, not come out unpatched. $1 file, $2 fixed text, $3 its replacement (also fixed text).
replace_once() {
    local n
    n=$(grep -cF -- "$2" "$1" || true)
    [ "$n" = 1 ] || die "siptls: $1: expected exactly one line with" "    $2" \
        "found $n. This version of $title needs a new patch in cmake/deps/build-$lib.sh."
    FROM=$2 TO=$3 awk 'BEGIN { from = ENVIRON["FROM"]; to = ENVIRON["TO"] }
        (at = index($0, from)) { $0 = substr($0, 1, at - 1) to substr($0, at + length(from)) }
        { print }' "$1" >"$1.new"
    mv "$1.new" "$1"
}

# ---- fetching ----------------------------------------------------------------------------------------------

# The suite whose source packages are new enough: Debian 13 for what is older, the system's own otherwise.
source_suite() {
    local ID='' VERSION_CODENAME=''
    # shellcheck disable=SC1091
    [ -r /etc/os-release ] && . /etc/os-release
    if [ "$ID" != debian ] || [ -z "$VERSION_CODENAME" ]; then
        printf 'siptls builds %s itself only on Debian; this system calls itself "%s %s".\n' \
            "$title" "$ID" "$VERSION_CODENAME" >&2
        three_ways_out
        exit 1
    fi
    case $VERSION_CODENAME in
    buster | bullseye | bookworm) echo trixie ;;
    *) echo "$VERSION_CODENAME" ;;
    esac
}

# One deb822 stanza per repository that the system itself uses, with the wanted suite in place of the system's:
# the mirror, and any proxy or credentials for it, are the administrator's choice and stay so.
write_sources() {
    local suite=$1 codename keyring uri release
    # shellcheck disable=SC1091
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    for keyring in /usr/share/keyrings/debian-archive-keyring.gpg \
        /usr/share/keyrings/debian-archive-keyring.pgp; do
        [ -e "$keyring" ] && break
    done
    [ -e "$keyring" ] || die "siptls: the keys of the Debian archive are not in /usr/share/keyrings." \
        "Install debian-archive-keyring: without it the signature on $title's source cannot be checked."
    # shellcheck disable=SC2016 # apt expands these names itself
    apt-get indextargets --no-release-info --format '$(REPO_URI) $(RELEASE)' 'Identifier: Packages' |
        sort -u | while read -r uri release; do
        case $release in
        "$codename" | "$codename-updates" | "$codename-security") ;;
        *) continue ;;
        esac
        printf 'Types: deb-src\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n\n' \
            "$uri" "$suite${release#"$codename"}" "$keyring"
    done
}

# apt with lists, cache and sources of its own: nothing of the system's apt is touched, and root is not needed.
iapt() {
    local command=$1
    shift
    "$command" -oDir::State="$apt" -oDir::State::Lists="$apt/lists" -oDir::State::status=/dev/null \
        -oDir::Cache="$apt/cache" -oDir::Etc::sourcelist=/dev/null -oDir::Etc::sourceparts="$apt/sources" \
        -oAPT::Sandbox::User= -oAPT::Get::AllowUnauthenticated=false \
        -oAcquire::AllowInsecureRepositories=false -oAcquire::Retries=3 "$@"
}

update_lists() {
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/sources"
    write_sources "$1" >"$apt/sources/siptls.sources"
    [ -s "$apt/sources/siptls.sources" ] || die \
        "siptls: apt knows no Debian mirror on this machine, so $title's source package cannot be fetched." \
        "Set up apt's sources (and run apt-get update), or name your own build with -D$root_variable=<prefix>."
    step iapt apt-get -oAPT::Update::Error-Mode=any update
    touch "$apt/updated"
}

# fetch_source PACKAGE [--tar-only]: download the newest version that the mirror really has into the current
# folder (a list can be ahead of the pool for a while); its version is left in $version.
fetch_source() {
    local package=$1 suite v
    shift
    suite=$(source_suite)
    say "fetching the source package $package of Debian $suite (signature checked by apt)"
    # Lists from the last hour will do: one build fetches for several libraries.
    [ -n "$(find "$apt/updated" -mmin -60 2>/dev/null)" ] || update_lists "$suite"
    iapt apt-cache showsrc --only-source "$package" >versions 2>>"$log" || true
    version=
    sed -n 's/^Version: *//p' versions | sort -rVu >versions.sorted
    while read -r v; do
        printf '\n### fetching %s %s\n' "$package" "$v" >>"$log"
        if iapt apt-get -qq source --download-only "$@" "$package=$v" >>"$log" 2>&1 </dev/null; then
            version=$v
            return
        fi
    done <versions.sorted
    tail -n 15 "$log" >&2
    printf 'siptls: the source package %s could not be fetched. The whole log is %s\n' "$package" "$log" >&2
    three_ways_out
    exit 1
}

# require_version FOUND MINIMUM
require_version() {
    dpkg --compare-versions "$1" ge "$2" && return
    printf 'siptls needs %s >= %s, and the source package is %s.\n' "$title" "$2" "$1" >&2
    three_ways_out
    exit 1
}

# ---- the cache ---------------------------------------------------------------------------------------------

# The recipe is everything that decides what comes out: the scripts (but for their comments) and files named, the
# machine, the compiler.
recipe_id() {
    local f
    {
        for f in "$@"; do
            case $f in
            *.sh) grep -v '^ *#' "$here/$f" ;;
            *) cat "$here/$f" ;;
            esac
        done
        uname -m
        "${CC:-cc}" -dumpfullversion -dumpmachine 2>/dev/null || true
        echo "$sanitize"
    } | sha256sum | cut -c1-16
}

is_current() { [ -e "$prefix/stamp" ] && grep -qx "recipe $recipe" "$prefix/stamp"; }

usage() {
    die "usage: build-$lib.sh [--is-current] <folder of the dependency cache>" \
        "Builds $title into <folder>/$lib, unless this recipe's result is there already." \
        "--is-current only answers, by its exit code, whether it is."
}

deps_main() {
    local recipe_files=$1 build=$2 only_ask=no took
    shift 2
    if [ "${1:-}" = --is-current ]; then
        only_ask=yes
        shift
    fi
    [ $# = 1 ] || usage
    # shellcheck disable=SC2086
    recipe=$(recipe_id $recipe_files)
    if [ $only_ask = yes ]; then
        prefix=$1/$lib
        is_current
        return
    fi
    mkdir -p "$1"
    cache=$(cd "$1" && pwd)
    prefix=$cache/$lib
    apt=$cache/.apt
    log=$cache/$lib.log
    # Two build trees may share the cache; the second waits, and then finds the work done.
    exec 9>"$cache/.lock"
    flock -n 9 || { say "waiting for another build to finish with $cache"; flock 9; }
    if is_current; then
        return
    fi
    check_tools
    : >"$log"
    work=$(mktemp -d "$cache/.work-$lib.XXXXXX")
    stage=$work/stage
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM HUP
    took=$SECONDS
    mkdir "$work/src"
    cd "$work/src"
    "$build"
    [ -d "$stage$prefix" ] || die "siptls: the build of $title left nothing in $stage$prefix; see $log"
    printf 'recipe %s\nversion %s\n' "$recipe" "$version" >"$stage$prefix/stamp"
    rm -rf "$prefix"
    mv "$stage$prefix" "$prefix"
    say "$title $version is ready in $prefix ($((SECONDS - took)) s)"
}
