"""The workspace is where a commit costs what a disk costs, when there is such a place."""

from collections import namedtuple

import psutil

from mlprod.systems import workspace

Mount = namedtuple("Mount", "mountpoint fstype")


def mounted(monkeypatch, **fstypes):
    mounts = [Mount("/" + name.replace("_", "/"), fstype) for name, fstype in fstypes.items()] + [Mount("/", "ext4")]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: mounts)
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/tmp")


def test_the_usual_folder_when_it_is_on_a_disk(monkeypatch):
    mounted(monkeypatch)
    assert workspace._parent_folder() == "/tmp"


def test_another_when_the_usual_one_is_in_memory(monkeypatch):
    mounted(monkeypatch, tmp="tmpfs")
    assert workspace._parent_folder() == "/var/tmp"


def test_the_usual_one_when_all_are_in_memory(monkeypatch):
    mounted(monkeypatch, tmp="tmpfs", var="tmpfs")
    assert workspace._parent_folder() == "/tmp"
