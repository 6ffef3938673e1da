"""Unpacks from one wheel what the binding needs, leaving the Python code: unpack-wheel.py WHEEL FOLDER."""

import re
import sys
import zipfile
from pathlib import Path

NEEDED = re.compile(
    r"tensorflow/libtensorflow_(cc|framework)\.so\.\d+$"
    # Headers that the C interface reaches.
    r"|tensorflow/include/(tensorflow/(c|core/platform)|tsl/platform|xla/tsl)/.*\.h$"
    r"|nvidia/(?!.*(/include/|\.py$|\.a$))"
)

wheel, folder = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    for member in archive.infolist():
        if member.is_dir() or not NEEDED.match(member.filename):
            continue
        path = Path(archive.extract(member, folder))
        # zipfile forgets the mode; NVIDIA's assembler is a program.
        path.chmod((member.external_attr >> 16) & 0o777 | 0o644)
