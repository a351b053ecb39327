#!/bin/sh
# Tests what a build installs: every header compiles alone, as C17, none says that it is private, and README's program
# compiles with them.
#
#   tests/tools/test_installed_headers.sh BUILD COMPILER INCLUDEDIR
#
# Installs the build folder BUILD below BUILD/tests/installed; INCLUDEDIR is its CMAKE_INSTALL_INCLUDEDIR. Exit status:
# 0 passed, 1 failed.
set -eu
unset CDPATH

readme=$(cd "$(dirname "$0")/../.." && pwd)/README.md
build=$1
compiler=$2
installed=$build/tests/installed
case $3 in
/*) include=$installed$3 ;; # whatever the prefix
*) include=$installed/prefix/$3 ;;
esac

fail() {
    printf 'FAILED: %s\n' "$1"
    exit 1
}

# The list of what was installed last is the user's.
manifest=$build/install_manifest.txt
kept=$build/tests/install_manifest.kept
restore() {
    rm -f "$manifest"
    [ ! -f "$kept" ] || mv "$kept" "$manifest"
}

rm -rf "$installed" "$kept"
[ ! -f "$manifest" ] || cp -p "$manifest" "$kept"
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
# DESTDIR: a prefix would not hold what goes to absolute paths.
DESTDIR=$installed cmake --install "$build" --prefix /prefix >"$build/tests/installed.log" 2>&1 ||
    fail "cmake --install: $(tail -n 3 "$build/tests/installed.log")"
cd "$include"

# Twice, as a program may: what guards a header has to be its own.
tried=0
failures=0
for header in $(find tower -name '*.h' | sort); do
    tried=$((tried + 1))
    if ! printf '#include <%s>\n#include <%s>\n' "$header" "$header" |
        "$compiler" -std=c17 -pedantic-errors -Wall -Wextra -Werror -fsyntax-only -I. -x c -; then
        printf '%s does not compile alone\n' "$header"
        failures=$((failures + 1))
    fi
    if grep -q 'Private to' "$header"; then
        printf '%s says that it is private\n' "$header"
        failures=$((failures + 1))
    fi
done
[ -f tower/tower.h ] || fail "there is no tower/tower.h"
[ "$failures" -eq 0 ] || fail "$failures complaints about $tried headers"

program=$build/tests/net.c
awk '/^```$/ { inside = 0 } inside || /^#include <stdio.h>/ { inside = 1; print }' "$readme" >"$program"
grep -q '^int main(void)' "$program" || fail "README.md has no program that begins with stdio.h and has a main"
"$compiler" -std=c17 -pedantic-errors -Wall -Wextra -Werror -fsyntax-only -I. "$program" ||
    fail "README's program does not compile"
printf '%d headers compile alone, and README'"'"'s program with them\n' "$tried"
