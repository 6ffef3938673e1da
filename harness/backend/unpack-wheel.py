"""Unpacks the files that the binding needs from one wheel, without its Python code: unpack-wheel.py WHEEL FOLDER."""

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
        # zipfile does not restore file modes, and NVIDIA's assembler must stay executable.
        path.chmod((member.external_attr >> 16) & 0o777 | 0o644)
