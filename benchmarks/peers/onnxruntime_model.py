#!/usr/bin/python3
"""Writes the tower as an ONNX model that takes normalised float images (N, 1, 28, 28) and gives logits (N, 10).

Weights come from a safetensors file (tower-train --save). ONNX is a protocol buffer of a few messages: the
encoder here knows just those (onnx.proto, https://github.com/onnx/onnx), so that nothing has to be installed.
"""
import argparse
import json
import struct

FLOAT = 1  # TensorProto.DataType
INTS, INT, OPSET, IR_VERSION = 7, 2, 13, 8  # AttributeProto.AttributeType; versions that every runtime knows


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, value):
    """One field: integers as varint, text and bytes (messages among them) with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def attribute(name, value):
    if isinstance(value, int):
        return field(1, name) + field(20, INT) + field(3, value)
    return field(1, name) + field(20, INTS) + b"".join(field(8, v) for v in value)


def node(operation, inputs, output, **attributes):
    return (b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, operation)
            + b"".join(field(5, attribute(name, value)) for name, value in attributes.items()))


def tensor(name, shape, data):
    return b"".join(field(1, n) for n in shape) + field(2, FLOAT) + field(8, name) + field(9, data)


def value_info(name, shape):
    dims = b"".join(field(1, field(2, n) if isinstance(n, str) else field(1, n)) for n in shape)
    return field(1, name) + field(2, field(1, field(1, FLOAT) + field(2, dims)))


def read_safetensors(path):
    with open(path, "rb") as file:
        content = file.read()
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8:8 + length])
    header.pop("__metadata__", None)
    data = content[8 + length:]
    return {name: (entry["shape"], data[slice(*entry["data_offsets"])]) for name, entry in header.items()}


def layers():
    """The tower's nodes."""
    same = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    pool = {"kernel_shape": [2, 2], "strides": [2, 2]}
    x = "image"
    for i in "12":
        yield node("Conv", [x, f"conv{i}.weight", f"conv{i}.bias"], f"conv{i}", **same)
        yield node("Relu", [f"conv{i}"], f"relu{i}")
        yield node("MaxPool", [f"relu{i}"], f"pool{i}", **pool)
        x = f"pool{i}"
    yield node("Flatten", [x], "flat", axis=1)
    yield node("Gemm", ["flat", "fc1.weight", "fc1.bias"], "fc1", transB=1)
    yield node("Relu", ["fc1"], "relu3")
    yield node("Gemm", ["relu3", "fc2.weight", "fc2.bias"], "logits", transB=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", help="safetensors file")
    parser.add_argument("model", help="ONNX file to write")
    options = parser.parse_args()

    graph = b"".join(field(1, n) for n in layers()) + field(2, "tower")
    for name, (shape, data) in read_safetensors(options.weights).items():
        graph += field(5, tensor(name, shape, data))
    graph += field(11, value_info("image", ["N", 1, 28, 28])) + field(12, value_info("logits", ["N", 10]))
    model = field(1, IR_VERSION) + field(2, "tower") + field(7, graph) + field(8, field(1, "") + field(2, OPSET))
    with open(options.model, "wb") as file:
        file.write(model)


if __name__ == "__main__":
    main()
