"""Runs on a node: put the uv of a wheel in its place. wheeluv.py WHEEL PROGRAM"""

import os
import shutil
import sys
import zipfile

wheel, place = sys.argv[1:]
os.umask(0o022)
os.makedirs(os.path.dirname(place), exist_ok=True)
part = place + ".part"
with zipfile.ZipFile(wheel) as archive:
    name = next(each for each in archive.namelist() if each.endswith(".data/scripts/uv"))
    with archive.open(name) as source, open(part, "wb") as file:
        shutil.copyfileobj(source, file)
os.chmod(part, 0o755)  # noqa: S103 - a program for every user
os.replace(part, place)
