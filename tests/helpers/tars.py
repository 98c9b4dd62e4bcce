"""Tar archives of photos for tests."""

import io
import json
import tarfile

Entry = tuple[str | tarfile.TarInfo, bytes]


def make_tar(*entries: Entry, format: int = tarfile.PAX_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=format) as tar:
        for name, content in entries:
            member = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


GOOD: list[Entry] = [
    ("00/000.jpg", b"one"),
    (
        "00/000.json",
        json.dumps({"caption": "a  dog", "url": "https://a/b.jpg", "LICENSE": "CC0", "key": "000"}).encode(),
    ),
    ("00/000.txt", b"not this"),
    ("./01.PNG", b"two"),
    ("./01.txt", b"a cat\n"),
    ("02.seg.png", b"labels"),
    ("02.webp", b"three"),
]
