"""Downloads of data sets: mirrors, sums, and errors."""

from __future__ import annotations

import functools
import hashlib
import http.server
import subprocess
import sys
import threading

import pytest

from cnncore.datasets import (
    mnist,
    sources,
)
from dataset_files import FULL_SETS, write_mnist


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "www"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder)) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()
        thread.join()


def test_download_tries_mirrors_checks_the_hash_and_caches(tmp_path, server):
    pytest.importorskip("pooch")
    folder, url = server
    (folder / "good").mkdir()
    (folder / "bad").mkdir()
    (folder / "good" / "file.gz").write_bytes(b"the right bytes")
    (folder / "bad" / "file.gz").write_bytes(b"other bytes")
    sha256 = hashlib.sha256(b"the right bytes").hexdigest()
    urls = [f"{url}none/file.gz", f"{url}bad/file.gz", f"{url}good/file.gz"]
    cache = tmp_path / "cache"
    path = sources.download(urls, sha256, cache)
    assert path.read_bytes() == b"the right bytes"
    assert path.parent == cache
    (folder / "good" / "file.gz").unlink()
    assert sources.download(urls, sha256, cache) == path  # from the cache: no server has it now


def test_download_that_fails_everywhere_names_each_server_and_leaves_nothing(tmp_path, server):
    pytest.importorskip("pooch")
    folder, url = server
    (folder / "file.gz").write_bytes(b"other bytes")
    cache = tmp_path / "cache"
    with pytest.raises(OSError, match=r"could not download file.gz") as caught:
        sources.download([f"{url}none/file.gz", f"{url}file.gz"], "0" * 64, cache)
    assert "404" in str(caught.value)
    assert "hash" in str(caught.value)
    assert not any(cache.iterdir())


def test_mnist_downloads_when_there_is_no_directory(tmp_path, server, monkeypatch):
    pytest.importorskip("pooch")
    folder, url = server
    write_mnist(folder)
    monkeypatch.delenv("CNNCORE_DATA_DIR", raising=False)
    hashes = {name: hashlib.sha256((folder / f"{name}.gz").read_bytes()).hexdigest() for name in mnist._SOURCE.sha256}
    monkeypatch.setattr(mnist, "_SOURCE", mnist._SOURCE._replace(mirrors=(f"{url}missing/", url), sha256=hashes))
    with pytest.warns(UserWarning, match=r"20 training"):
        (x_train, _), _ = mnist.load_data(tmp_path / "cache")
    assert len(x_train) == 20
    assert len(list((tmp_path / "cache").iterdir())) == 4


def test_without_pooch_the_error_names_the_extra(monkeypatch):
    monkeypatch.delenv("CNNCORE_DATA_DIR", raising=False)
    monkeypatch.setitem(sys.modules, "pooch", None)
    for load in (module.load_data for module in FULL_SETS):
        with pytest.raises(ImportError, match=r'pip install "cnncore\[data\]"'):
            load()


def test_importing_the_datasets_does_not_import_pooch():
    code = "import sys, cnncore.datasets; sys.exit('pooch' in sys.modules or 'requests' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
