#!/usr/bin/env bash
# Times predictions of the tower by ONNX Runtime, batches of 1, 64 and 1000, one JSON object each.
#
#   benchmarks/peers/onnxruntime.sh [--threads N] [--data DIR] [--weights FILE.safetensors] [--prepare]
#
# benchmarks/compare-predict does it in turn with Tower; --prepare does what it needs and measures nothing.
#
# Fetches onnxruntime-node from npm into build/onnxruntime once; its libraries are in the package, so no script of it
# has to run. Without --weights, tower-train trains them for one epoch. Needs node, npm and python3.
. "$(dirname "$0")/../../tools/lib.sh"

version=1.30.0 # of onnxruntime-node: fixed, so that figures stay comparable
folder=build/onnxruntime
threads=1 weights='' prepare=false
data=${TOWER_DATA:-${XDG_CACHE_HOME:-$HOME/.cache}/tower/mnist}

while [ $# -gt 0 ]; do
    case $1 in
    --prepare) prepare=true && shift && continue ;;
    --threads | --data | --weights) ;;
    *) say "'$1' is no option" && exit 2 ;;
    esac
    [ $# -gt 1 ] || { say "$1 wants a value" && exit 2; }
    case $1 in
    --threads) threads=$2 ;;
    --data) data=$2 ;;
    --weights) weights=$2 ;;
    esac
    shift 2
done
[[ $threads =~ ^[1-9][0-9]*$ ]] || { say "--threads '$threads', expected a whole number above 0" && exit 2; }
[ -d "$data" ] || die "no MNIST in $data: run tools/fetch-mnist, or give --data"
for tool in node npm python3; do
    command -v "$tool" >/dev/null || die "$tool is not installed"
done

mkdir -p "$folder"
if [ ! -d "$folder/node_modules/onnxruntime-node" ]; then
    say "fetching onnxruntime-node $version from npm"
    npm install --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error \
        "onnxruntime-node@$version" >&2 || die "npm could not fetch it: is there a network?"
fi
if [ -z "$weights" ]; then
    weights=$folder/tower.safetensors
    if [ ! -f "$weights" ]; then
        tools/bootstrap
        build release
        build/release/bin/tower-train --data "$data" --epochs 1 --quiet --save "$weights"
    fi
fi
python3 benchmarks/peers/onnxruntime_model.py "$weights" "$folder/tower.onnx"
if "$prepare"; then exit 0; fi
node benchmarks/peers/onnxruntime.js "$folder/tower.onnx" "$folder/node_modules" --data "$data" --threads "$threads" \
    --accuracy
