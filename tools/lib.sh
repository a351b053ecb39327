# What the tools share; sourced, not run. Sets `root`, the clone's folder, and moves there.
# shellcheck shell=bash
set -euo pipefail
unset CDPATH # cd would print where it goes, into what is captured, or go elsewhere
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# What a build and its tests need, by Debian's and Ubuntu's names.
build_packages=(cmake ninja-build gcc libc6-dev pkg-config libhwloc-dev zlib1g-dev libcjson-dev libssl-dev
    libcmocka-dev curl ca-certificates)

say() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
    say "$*"
    exit 1
}

# need_root_without_spaces WHY: for tools that cannot do with them.
need_root_without_spaces() {
    [[ $root != *[[:space:]]* ]] || die "the path of this clone, '$root', has a space: $1; clone to another folder"
}

# Runs a command as root: directly, or through sudo, which may ask for a password on a terminal only.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        if [ -t 0 ]; then sudo "$@"; else sudo -n "$@"; fi
    else
        die "not root and no sudo: as root, run: $*"
    fi
}

# missing_packages NAME…: those that are not installed, one per line.
missing_packages() {
    local package
    # A line for each architecture. Whether a package is held does not matter.
    for package in "$@"; do
        dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || echo "$package"
    done
}

# need_packages NAME…: installs what is missing and nothing else; does nothing and says nothing if all is there.
need_packages() {
    local missing
    if ! command -v dpkg-query >/dev/null; then
        say "no dpkg here: taking it that the equivalents of these are installed: $*"
        return
    fi
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -eq 0 ] && return
    say "installing ${missing[*]}"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update ||
        say "the package lists could not be refreshed; trying with those that are there"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >&2 ||
        die "could not install ${missing[*]}: is there a network?"
}

# build PRESET: configures once, then lets Ninja decide what is out of date. Silent unless it fails or works long.
build() {
    local folder=build/$1
    if [ ! -f "$folder/build.ninja" ]; then
        say "configuring $folder"
        cmake --preset "$1" >&2
    fi
    cmake --build --preset "$1" >&2
}
