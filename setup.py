"""
Build what setup.cfg describes. If SOURCE_DATE_EPOCH is set, two builds of the same
files with the same Python and the same setuptools have the same bytes. Alone,
setuptools does this only for the wheel.
"""

import gzip
import os
import tarfile

from setuptools import setup
from setuptools.command.sdist import sdist

# The wheel has the modes of its files, and setuptools writes some of them.
os.umask(0o022)


class ReproducibleSdist(sdist):
    def make_archive(self, base_name, format, base_dir, **rest):
        epoch = os.environ.get("SOURCE_DATE_EPOCH")
        if epoch is None or format != "gztar":
            return super().make_archive(base_name, format, base_dir=base_dir, **rest)

        def reset(member):
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.mtime = int(epoch)
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            return member

        self.mkpath(self.dist_dir)
        name = f"{base_name}.tar.gz"
        file = gzip.GzipFile(name, "wb", mtime=int(epoch))
        with file, tarfile.open(fileobj=file, mode="w") as archive:
            archive.add(base_dir, filter=reset)
        return name


setup(cmdclass={"sdist": ReproducibleSdist})
