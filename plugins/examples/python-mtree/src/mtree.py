"""What the plugin does: a tar archive that brings an mtree(5) manifest of
itself, by which whoever unpacks it can check every file.

The layer's bytes are copied as they are; the manifest is a member before
them. Nothing here knows of gRPC."""

import hashlib
import os
import shlex
import tarfile

from failure import Diagnostic

MANIFEST = {
    "name": "mtree",
    "version": "0.1.0",
    "protocols": [1],
    "mkmini": "0.1.0",
    "exporter": {
        "description": "a tar archive with an mtree manifest of all that is in it",
        "attributes": [
            {
                "name": "digests",
                "type": "list(string)",
                "default": ["sha256"],
                "doc": "The digests of each file: sha256, sha384, sha512.",
            },
            {
                "name": "member",
                "type": "string",
                "default": ".MTREE",
                "doc": "The manifest's name in the archive.",
            },
        ],
    },
}

DIGESTS = ("sha256", "sha384", "sha512")

TYPES = {
    tarfile.REGTYPE: "file",
    tarfile.AREGTYPE: "file",
    tarfile.LNKTYPE: "file",
    tarfile.DIRTYPE: "dir",
    tarfile.SYMTYPE: "link",
    tarfile.CHRTYPE: "char",
    tarfile.BLKTYPE: "block",
    tarfile.FIFOTYPE: "fifo",
}

CHUNK = 1 << 20


def export(request, report):
    """Writes the artifacts of one request and returns them as dictionaries.

    It calls report(phase, done, total, message) often: that is where it ends
    when the call was cancelled."""
    digests, member = check(request["attributes"])
    artifacts = []
    for image in request["images"]:
        manifest = describe(image, digests, member, report)
        name = "%s-%s" % (request["name"], image["arch"])
        write(os.path.join(request["out_dir"], name + ".mtree"), [manifest])
        archive = os.path.join(request["out_dir"], name + ".mtree.tar")
        write(archive, pack(image["layer"], member, manifest, request["epoch"], report))
        read_back(archive, member, manifest)
        artifacts += [
            {
                "path": name + ".mtree.tar",
                "format": "mtree.tar",
                "arch": image["arch"],
                "run": ["tar -xpf {path}", "mtree -e -f " + shlex.quote(member)],
            },
            {"path": name + ".mtree", "format": "mtree", "arch": image["arch"], "run": []},
        ]
    return artifacts


def check(attributes):
    """Returns the attributes, or says what the user has to mend."""
    digests, member = attributes["digests"], attributes["member"]
    for i, digest in enumerate(digests):
        if digest not in DIGESTS:
            raise Diagnostic(
                "Unknown digest",
                "There is no digest %s in mtree manifests." % digest,
                "Use one of %s." % ", ".join(DIGESTS),
                ["attributes", "digests", str(i)],
            )
    parts = member.split("/")
    if not member or "" in parts or "." in parts or ".." in parts or "\n" in member:
        raise Diagnostic(
            "Bad name of a member",
            "The manifest's name has to be a clean path below the root, without a slash before it.",
            'Leave it out, or write something like ".MTREE".',
            ["attributes", "member"],
        )
    return digests, member


def describe(image, digests, member, report):
    """Returns the manifest of a layer in bytes."""
    # NetBSD's mtree wants to hear of the folder that all is in.
    lines = [b"#mtree\n", b". type=dir\n"]
    seen = {}
    # Names may be any bytes: surrogateescape brings them through.
    with tarfile.open(image["layer"], "r:", encoding="utf-8", errors="surrogateescape") as tar:
        for info in tar:
            name = info.name.encode("utf-8", "surrogateescape")
            if info.name == member:
                raise Diagnostic(
                    "File in the way of the manifest",
                    "The root file system has a file %s already." % member,
                    "Give the manifest another name.",
                    ["attributes", "member"],
                )
            if info.islnk():
                facts = seen[info.linkname]
            else:
                facts = about(tar, info, digests)
                seen[info.name] = facts
            lines.append(b"./" + escape(name) + b" " + facts + b"\n")
            report("describe", info.offset_data + info.size, image["size"], info.name)
    return b"".join(lines)


def about(tar, info, digests):
    """Returns the keywords of one member."""
    words = [
        "type=" + TYPES[info.type],
        "uid=%d" % info.uid,
        "gid=%d" % info.gid,
        "mode=%04o" % (info.mode & 0o7777),
        "time=%d.0" % info.mtime,
    ]
    if info.isreg():
        hashes = [hashlib.new(digest) for digest in digests]
        with tar.extractfile(info) as file:
            while chunk := file.read(CHUNK):
                for one in hashes:
                    one.update(chunk)
        words.append("size=%d" % info.size)
        words += [digest + "=" + one.hexdigest() for digest, one in zip(digests, hashes)]
    if info.ischr() or info.isblk():
        words.append("device=linux,%d,%d" % (info.devmajor, info.devminor))
    facts = " ".join(words).encode()
    if info.issym():
        facts += b" link=" + escape(info.linkname.encode("utf-8", "surrogateescape"))
    return facts


def escape(name):
    """Returns a name as mtree(5) has it: what could be taken for something
    else is a backslash and three octal digits."""
    return b"".join(
        bytes([c]) if 0x20 < c < 0x7F and c not in b"\\#=*?[" else b"\\%03o" % c for c in name
    )


def pack(layer, member, manifest, epoch, report):
    """Yields the archive's bytes: one member more, then the layer."""
    info = tarfile.TarInfo(member)
    info.size, info.mtime, info.mode = len(manifest), epoch, 0o644
    yield info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    yield manifest + b"\0" * (-len(manifest) % tarfile.BLOCKSIZE)
    done, total = 0, os.path.getsize(layer)
    with open(layer, "rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk
            done += len(chunk)
            report("pack", done, total, member)


def write(path, chunks):
    """Writes a file whose mode does not depend on the umask."""
    with open(path, "wb") as file:
        for chunk in chunks:
            file.write(chunk)
    os.chmod(path, 0o644)


def read_back(archive, member, manifest):
    """Makes sure that the manifest is in the archive as it should be."""
    with tarfile.open(archive, "r:") as tar:
        first = tar.next()
        if first.name != member or tar.extractfile(first).read() != manifest:
            raise OSError("%s was not written as it should be" % archive)
