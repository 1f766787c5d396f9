"""Downloads from a server that cuts, stalls and lies: one sentence, nothing left behind, and the next try succeeds."""

import hashlib
import io
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from faulty.downloads import fetch
from faulty.servers import CLAIMS_MORE, FAULTS, faulty_server
from torchvision import models

from weakseg.backbones import weights
from weakseg.backbones.weights import read_initial_weights
from weakseg.errors import InputError
from weakseg.storage import timeout


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(timeout, "SECONDS", 0.5)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_download_that_goes_wrong_leaves_nothing(tmp_path: Path, fault: str) -> None:
    assert fetch(tmp_path, fault).problem == ""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where torch keeps what it fetched."""
    before = torch.hub.get_dir()
    torch.hub.set_dir(str(tmp_path / "hub"))
    yield tmp_path / "hub" / "checkpoints"
    torch.hub.set_dir(before)


@pytest.fixture(scope="module")
def published() -> bytes:
    content = io.BytesIO()
    torch.save({"features.0.weight": torch.zeros(4, 3, 3, 3)}, content)
    return content.getvalue()


def _offered(monkeypatch: pytest.MonkeyPatch, address: str, content: bytes) -> str:
    """Make the server torchvision's source of VGG16; the file's name, which ends with its checksum."""
    name = f"vgg16-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    entry = SimpleNamespace(url=f"{address}/{name}")
    entry.get_state_dict = lambda **options: torch.hub.load_state_dict_from_url(entry.url, **options)
    monkeypatch.setattr(models, "VGG16_Weights", {"IMAGENET1K_V1": entry})
    return name


@pytest.mark.parametrize("fault", FAULTS)
def test_weights_that_come_wrong_are_not_kept(
    hub: Path, monkeypatch: pytest.MonkeyPatch, published: bytes, fault: str
) -> None:
    with faulty_server(published, fault) as address:
        name = _offered(monkeypatch, address, published)
        with pytest.raises(InputError, match=f"could not be fetched .* put the file {name} anywhere"):
            read_initial_weights("IMAGENET1K_V1")
    assert not list(hub.iterdir())
    with faulty_server(published, CLAIMS_MORE) as address:
        _offered(monkeypatch, address, published)
        assert list(weights._download("IMAGENET1K_V1")) == ["features.0.weight"]


def test_weights_that_were_fetched_once_are_compared_again(
    hub: Path, monkeypatch: pytest.MonkeyPatch, published: bytes
) -> None:
    with faulty_server(published, "none") as address:
        name = _offered(monkeypatch, address, published)
        weights._download("IMAGENET1K_V1")
        kept = bytearray((hub / name).read_bytes())
        kept[len(kept) // 2] ^= 1
        (hub / name).write_bytes(kept)
        with pytest.raises(InputError, match=rf"{name} is damaged: .* delete it and run again"):
            weights._download("IMAGENET1K_V1")
