#!/bin/sh
# Tests tools/fetch-mnist without a network: mirrors are folders (file://) and a small server on the loopback interface.
#
#   tests/tools/test_fetch_mnist.sh
#
# The script under test is a copy whose table of SHA-256 sums is replaced by that of four made-up files: the real one
# has no way to be told other sums. Exit status: 0 passed, 1 failed, 77 skipped (no curl).
set -eu
unset CDPATH
export no_proxy=127.0.0.1 NO_PROXY=127.0.0.1

root=$(cd "$(dirname "$0")/../.." && pwd)
command -v curl >/dev/null 2>&1 || exit 77

work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
names="train-images-idx3-ubyte train-labels-idx1-ubyte t10k-images-idx3-ubyte t10k-labels-idx1-ubyte"

fail() {
    printf 'FAILED: %s\n' "$1"
    sed 's/^/    /' "$work/output" 2>/dev/null || true
    exit 1
}

# Runs the script with the mirrors $1, expecting exit status $2 and, in its output, the text $3.
run() {
    status=0
    TOWER_MNIST_MIRRORS=$1 "$work/fetch-mnist" "$work/target" >"$work/output" 2>&1 || status=$?
    [ "$status" -eq "$2" ] || fail "exit status $status, expected $2"
    grep -qF -- "$3" "$work/output" || fail "the output lacks '$3'"
}

all_in_place() {
    for name in $names; do
        gzip -dc "$work/target/$name.gz" | cmp -s - "$work/plain/$name" || fail "$name.gz is not what it should be"
        [ ! -e "$work/target/$name.gz.part" ] || fail "$name.gz.part was left behind"
    done
}

# Four files that do not compress well, and the table of their sums.
mkdir "$work/plain" "$work/good" "$work/bad" "$work/short"
: >"$work/sums"
for name in $names; do
    { printf '%s\n' "$name"; head -c 200000 /dev/urandom; } >"$work/plain/$name"
    gzip -c <"$work/plain/$name" >"$work/good/$name.gz"
    printf 'not it' | gzip -c >"$work/bad/$name.gz"
    head -c 100000 "$work/good/$name.gz" >"$work/short/$name.gz"
    printf '%s %s\n' "$(sha256sum <"$work/plain/$name" | cut -d ' ' -f 1)" "$name" >>"$work/sums"
done
sed -e "/^sums='/r $work/sums" -e '/^[0-9a-f]\{64\} /d' "$root/tools/fetch-mnist" >"$work/fetch-mnist"
chmod +x "$work/fetch-mnist"
[ "$(grep -c '^[0-9a-f]\{64\} ' "$work/fetch-mnist")" -eq 4 ] || fail "the table of sums was not replaced"

echo "a good mirror; then nothing to do, even without a mirror"
run "file://$work/good" 0 "complete in"
all_in_place
run "file://$work/nowhere" 0 "train-images-idx3-ubyte.gz: already there"

echo "a file that is there but wrong is replaced"
cp "$work/bad/t10k-labels-idx1-ubyte.gz" "$work/target/"
run "file://$work/good" 0 "t10k-labels-idx1-ubyte.gz: fetched from"
all_in_place

echo "a corrupted mirror, a missing one, then a good one"
rm -rf "$work/target"
run "file://$work/bad/ file://$work/nowhere/ file://$work/good/" 0 "content has not the SHA-256 of MNIST"
all_in_place

echo "only corrupted mirrors: nothing gets a name"
rm -rf "$work/target"
run "file://$work/bad" 1 "no mirror delivered it"
[ -z "$(ls "$work/target")" ] || fail "files were left: $(ls "$work/target")"

echo "the real table refuses the made-up files"
status=0
TOWER_MNIST_MIRRORS="file://$work/good" "$root/tools/fetch-mnist" "$work/target" >"$work/output" 2>&1 || status=$?
[ "$status:$(ls "$work/target")" = "1:" ] || fail "the made-up files passed for MNIST"

echo "a part is continued"
cp "$work/short/train-images-idx3-ubyte.gz" "$work/target/train-images-idx3-ubyte.gz.part"
run "file://$work/good" 0 "complete in"
all_in_place

echo "a part of something else, or longer than the file, is dropped"
rm -rf "$work/target"
mkdir "$work/target"
head -c 5000 /dev/urandom >"$work/target/train-images-idx3-ubyte.gz.part"
head -c 900000 /dev/urandom >"$work/target/t10k-images-idx3-ubyte.gz.part"
run "file://$work/good" 0 "complete in"
all_in_place

echo "a complete part only needs its name"
mv "$work/target/t10k-images-idx3-ubyte.gz" "$work/target/t10k-images-idx3-ubyte.gz.part"
run "file://$work/nowhere" 0 "t10k-images-idx3-ubyte.gz: was complete already"
all_in_place

echo "no network: a clear message, and soon"
rm -rf "$work/target"
run "http://127.0.0.1:9/" 1 "is there a network?"
[ "$(wc -l <"$work/output")" -eq 2 ] || fail "expected one line for the mirror and one for the file"

echo "bad usage"
for arguments in "a b" "--unknown"; do
    status=0
    # shellcheck disable=SC2086 # split on purpose
    "$work/fetch-mnist" $arguments >"$work/output" 2>&1 || status=$?
    [ "$status" -eq 2 ] || fail "exit status $status for '$arguments', expected 2"
done
status=0
env -u HOME -u XDG_CACHE_HOME "$work/fetch-mnist" >"$work/output" 2>&1 || status=$?
[ "$status" -eq 2 ] || fail "exit status $status without HOME, expected 2"
: >"$work/file"
status=0
"$work/fetch-mnist" "$work/file" >"$work/output" 2>&1 || status=$?
[ "$status" -eq 1 ] || fail "exit status $status for a folder that is a file, expected 1"

command -v python3 >/dev/null 2>&1 || {
    echo "passed (without python3: no server)"
    exit 0
}

# A server that hangs up in the middle of every first answer for a path; /ranges/ then continues where asked,
# /plain/ always sends the whole file.
cat >"$work/server.py" <<'PYTHON'
import http.server, pathlib, sys

folder, seen = pathlib.Path(sys.argv[1]), set()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        kind, *_, name = self.path.strip("/").split("/")
        data = (folder / name).read_bytes()
        begin = 0
        if kind == "ranges" and "Range" in self.headers:
            begin = int(self.headers["Range"].removeprefix("bytes=").split("-")[0])
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {begin}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data) - begin))
        self.end_headers()
        first = self.path not in seen
        seen.add(self.path)
        self.wfile.write(data[begin:50000 if first else len(data)])

    def log_message(self, *arguments):
        print(self.path, self.headers.get("Range", "whole"), file=open(sys.argv[2], "a"))

server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
PYTHON
python3 "$work/server.py" "$work/good" "$work/requests" >"$work/port" 2>/dev/null &
server=$!
for _ in $(seq 60); do
    [ -s "$work/port" ] || sleep 0.5
done
[ -s "$work/port" ] || fail "the server does not start"
url="http://127.0.0.1:$(cat "$work/port")"

# Each of the four files is cut short once, so the fifth run completes the set.
echo "interrupted transfers are continued, with ranges"
rm -rf "$work/target"
for expected in 1 1 1 1 0; do
    run "$url/ranges/" "$expected" "train-images-idx3-ubyte.gz"
    [ "$expected" -eq 0 ] || [ "$(cat "$work"/target/*.part | wc -c)" -eq 50000 ] || fail "the part was not kept"
done
all_in_place
[ "$(grep -c 'bytes=50000-' "$work/requests")" -eq 4 ] || fail "the server was not asked for ranges"

echo "interrupted transfers begin again where the server knows no ranges"
rm -rf "$work/target"
for expected in 1 1 1 1 0; do
    run "$url/plain/" "$expected" "train-images-idx3-ubyte.gz"
done
all_in_place

echo "one mirror hangs up, the next one continues"
rm -rf "$work/target"
: >"$work/requests"
run "$url/ranges/again/ file://$work/good/" 0 "complete in"
all_in_place

echo passed
