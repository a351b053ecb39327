#!/usr/bin/env python3
"""Writes safetensors/small.safetensors byte by byte from the format's description
(https://github.com/huggingface/safetensors, "Format"), without the library and without Tower.

Keys out of offset order, spaces inside the JSON, a scalar, an empty tensor, every dtype that Tower reads.
"""
import json
import pathlib
import struct

tensors = [  # in the order of the data
    ("net.weight", "F32", [2, 3], struct.pack("<6f", 1.5, -2.25, 0.0, -0.0, 3.0e38, 1.0e-45)),
    ("steps", "I64", [], struct.pack("<q", -(2**62) - 1)),
    ("net.bias", "F64", [2], struct.pack("<2d", 0.1, -1.0e300)),
    ("empty", "F32", [0, 4], b""),
    ("labels", "I32", [1, 3], struct.pack("<3i", -2147483648, 0, 2147483647)),
    ("winners", "U16", [2], struct.pack("<2H", 1, 65535)),
    ("pixels, \u00fc\u4e2d", "U8", [5], bytes([0, 1, 127, 128, 255])),
]

header = {"__metadata__": {"format": "pt", "note": "written by hand"}}
offset = 0
places = {}
for name, dtype, shape, data in tensors:
    places[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
    offset += len(data)
for name in sorted(places, reverse=True):
    header[name] = places[name]

text = json.dumps(header, indent=1).encode()  # escapes beyond ASCII
text += b" " * (-len(text) % 8)
folder = pathlib.Path(__file__).parent / "safetensors"
folder.mkdir(exist_ok=True)
(folder / "small.safetensors").write_bytes(
    struct.pack("<Q", len(text)) + text + b"".join(data for *_, data in tensors))
