"""Weights whose SHA-256 Hugging Face tells: asked once, verified, recorded, and the same file ever after."""

import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save

from hub_server import NAME, Hub
from weakseg.cli import weakseg
from weakseg.errors import InputError
from weakseg.storage import timeout
from weakseg.weights import cache
from weakseg.weights.known import KNOWN, Known, named, trained_on

FILE = f"{NAME}.safetensors"
OLD, NEW = "a" * 40, "b" * 40


def tensors(value: float) -> bytes:
    return save({"head.weight": torch.full((40, 30), value)})


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The hub, with the weights of `known`, and empty caches."""
    for name in ("WEAKSEG_CACHE", "TORCH_HOME", "U2NET_HOME", "HF_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    for name in ("WEAKSEG_WEIGHTS_FROM", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(timeout, "SECONDS", 0.5)
    monkeypatch.setattr(cache, "AGAIN", 0)
    made = Hub({OLD: tensors(1.0)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), made.handler())
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def known(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Known:
    address = f"http://127.0.0.1:{hub.port}/timm/{NAME}/resolve/main/model.safetensors"
    monkeypatch.setitem(KNOWN, NAME, replace(KNOWN[NAME], address=address))
    return KNOWN[NAME]


@pytest.fixture
def closed(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Take the network away."""
    return lambda: monkeypatch.setenv("WEAKSEG_WEIGHTS_FROM", "http://127.0.0.1:9")


def left() -> list[str]:
    return sorted(path.name for path in cache.folder().iterdir() if path.suffix != ".lock")


def run(*words: object) -> str:
    result = CliRunner().invoke(weakseg, ["weights", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_a_file_is_fetched_at_the_revision_that_was_told_and_recorded(hub: Hub, known: Known) -> None:
    path = cache.ready(known)
    assert path.name == FILE and path.read_bytes() == hub.files[OLD]
    where = f"/timm/{NAME}/resolve"
    assert hub.asked == [
        f"HEAD {where}/main/model.safetensors",
        f"GET {where}/{OLD}/model.safetensors",
        f"GET /cdn/{OLD}",
    ]
    record = json.loads((cache.folder() / f"{FILE}.json").read_text())
    assert record.pop("fetched").startswith("20")
    assert record == {
        "name": NAME,
        "address": known.address.replace("main", OLD),
        "revision": OLD,
        "sha256": cache.digest(path),
        "size": len(hub.files[OLD]),
        "licence": "Apache-2.0",
    }
    assert cache.provenance(known, path) == {"source": NAME, "sha256": cache.digest(path), "revision": OLD}


def test_the_second_run_asks_nothing(hub: Hub, known: Known, closed: Callable[[], None]) -> None:
    first = cache.ready(known)
    hub.asked.clear()
    closed()
    assert cache.ready(known) == cache.fetch(known) == first
    assert hub.asked == []


def test_the_recorded_file_is_fetched_again_though_a_newer_one_is_published(hub: Hub, known: Known) -> None:
    cache.ready(known).unlink()
    hub.files[NEW] = tensors(2.0)
    assert cache.ready(known).read_bytes() == hub.files[OLD]
    (cache.folder() / FILE).unlink()
    (cache.folder() / f"{FILE}.json").unlink()
    assert cache.ready(known).read_bytes() == hub.files[NEW]


def test_a_file_that_changed_in_the_cache_is_refused(hub: Hub, known: Known) -> None:
    cache.ready(known).write_bytes(tensors(3.0))
    with pytest.raises(InputError, match=rf"{FILE} is damaged: its SHA-256 starts with .* delete it and run"):
        cache.ready(known)


REASONS = {
    "other bytes": "what came has another SHA-256",
    "drops": "the connection broke off",
    "401": "the server answered 401: it wants an agreement to its terms, or has no such file",
    "404": "the server answered 404",
    "503": "the server answered 503",
    "hangs": "no data came for 0.5 s",
}


@pytest.mark.parametrize("mood", REASONS)
def test_what_goes_wrong_is_one_sentence_and_leaves_nothing(hub: Hub, known: Known, mood: str) -> None:
    hub.mood = mood
    with pytest.raises(InputError) as refused:
        cache.fetch(known)
    assert f"the weights {NAME} (" in str(refused.value) and f"({REASONS[mood]}" in str(refused.value)
    assert str(refused.value).endswith(f"run 'weakseg weights add {NAME} FILE'.")
    assert left() == []
    hub.mood = ""
    assert cache.fetch(known).read_bytes() == hub.files[OLD]
    assert left() == [FILE, f"{FILE}.json"]


def test_without_a_network_it_is_one_sentence(known: Known, closed: Callable[[], None]) -> None:
    closed()
    with pytest.raises(
        InputError, match=r"pvt_v2_b0\.in1k \(15 MB\) could not be fetched .*\(no connection\)"
    ):
        cache.fetch(known)


def test_a_hub_that_is_overloaded_once_is_asked_again(
    hub: Hub, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "AGAIN", 1)
    hub.mood = "503 once"
    assert cache.fetch(known).read_bytes() == hub.files[OLD]


def test_a_file_without_a_hash_is_refused(hub: Hub, known: Known) -> None:
    hub.mood = "no hash"
    with pytest.raises(
        InputError,
        match=rf"tells no SHA-256 of {NAME}, and none is known; fetch the file yourself and give its path, or run "
        rf"'weakseg weights add {NAME} FILE'",
    ):
        cache.fetch(known)
    assert left() == []


def test_a_model_that_got_another_name_is_followed(hub: Hub, known: Known) -> None:
    renamed = replace(known, address=known.address.replace(NAME, "renamed"))
    assert cache.fetch(renamed).read_bytes() == hub.files[OLD]


def test_a_copy_of_a_cache_stands_for_the_hub(
    hub: Hub, known: Known, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = tmp_path / "mirror"
    file = cache.ready(known)
    shutil.copytree(file.parent, mirror)
    monkeypatch.setenv("WEAKSEG_CACHE", str(tmp_path / "other"))
    monkeypatch.setenv("WEAKSEG_WEIGHTS_FROM", str(mirror))
    again = cache.ready(known)
    assert again != file and cache.provenance(known, again)["revision"] == OLD
    (mirror / f"{FILE}.json").unlink()
    monkeypatch.setenv("WEAKSEG_CACHE", str(tmp_path / "third"))
    with pytest.raises(InputError, match=rf"mirror/{FILE} tells no SHA-256 of {NAME}"):
        cache.ready(known)


def test_an_address_with_a_copy_of_a_cache_stands_for_the_hub(
    hub: Hub, known: Known, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = cache.ready(known)
    copied = {f"/{path.name}": path.read_bytes() for path in (file, file.with_name(f"{FILE}.json"))}
    monkeypatch.setattr(hub, "answer", lambda request: plain(request, copied))
    monkeypatch.setenv("WEAKSEG_CACHE", str(tmp_path / "other"))
    monkeypatch.setenv("WEAKSEG_WEIGHTS_FROM", f"http://127.0.0.1:{hub.port}")
    hub.asked.clear()
    assert cache.provenance(known, cache.ready(known))["revision"] == OLD
    assert hub.asked == [f"GET /{FILE}.json", f"GET /{FILE}"]
    del copied[f"/{FILE}.json"]
    monkeypatch.setenv("WEAKSEG_CACHE", str(tmp_path / "third"))
    with pytest.raises(InputError, match=rf"{FILE} tells no SHA-256 of {NAME}"):
        cache.ready(known)


def plain(request: BaseHTTPRequestHandler, files: dict[str, bytes]) -> None:
    """Answer as a server does that holds files and knows nothing of them."""
    found = files.get(request.path)
    request.send_response(404 if found is None else 200)
    request.send_header("Content-Length", str(len(found or b"")))
    request.end_headers()
    if request.command == "GET":
        request.wfile.write(found or b"")


def client_cache(place: Path, revision: str, content: bytes) -> Path:
    """A file as Hugging Face's client keeps it."""
    folder = place / f"hf_home/hub/models--timm--{NAME}"
    blob, link = folder / "blobs" / hashlib.sha256(content).hexdigest(), folder / "snapshots" / revision
    for each in (blob.parent, link):
        each.mkdir(parents=True)
    blob.write_bytes(content)
    (link / "model.safetensors").symlink_to(blob)
    return link / "model.safetensors"


def test_what_the_hubs_client_fetched_is_used_where_it_is(
    hub: Hub, known: Known, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache.locate(known) is None
    file = client_cache(tmp_path, NEW, tensors(5.0))
    found = cache.ready(known)
    assert found == file and hub.asked == []
    assert cache.provenance(known, found) == {"source": NAME, "sha256": file.resolve().name, "revision": NEW}
    assert cache.locate(known) == cache.ready(known) == cache.fetch(known) == file
    pinned = replace(known, sha256=file.resolve().name, address=known.address.replace("main", OLD))
    assert cache.locate(pinned) == file


def test_a_damaged_file_of_the_hubs_client_is_not_used(hub: Hub, known: Known, tmp_path: Path) -> None:
    client_cache(tmp_path, OLD, hub.files[OLD]).resolve().write_bytes(b"damaged")
    assert cache.ready(known) == cache.folder() / FILE
    assert (cache.folder() / FILE).read_bytes() == hub.files[OLD]


def test_a_file_is_added_by_hand_and_checked_from_then_on(hub: Hub, known: Known, tmp_path: Path) -> None:
    mine = tmp_path / "model.safetensors"
    mine.write_bytes(b"PK\x03\x04" * 100)
    with pytest.raises(InputError, match=r"is no safetensors file; give model\.safetensors of http"):
        run("add", NAME, mine)
    mine.write_bytes(hub.files[OLD])
    path = Path(run("add", NAME, mine).strip())
    assert cache.ready(known) == path and hub.asked == []
    assert cache.provenance(known, path) == {"source": NAME, "sha256": cache.digest(mine)}
    record = json.loads(path.with_name(f"{FILE}.json").read_text())
    assert record["address"] is None and record["added"].startswith("20")
    mine.write_bytes(tensors(4.0))
    with pytest.raises(InputError, match=rf"is not {NAME}: its SHA-256 starts with"):
        run("add", NAME, mine)


def test_a_file_in_the_cache_without_its_record_is_refused(known: Known) -> None:
    cache.folder().mkdir(parents=True)
    (cache.folder() / FILE).write_bytes(tensors(1.0))
    with pytest.raises(
        InputError, match=rf"without a record of its SHA-256; .* 'weakseg weights add {NAME} FILE'"
    ):
        cache.ready(known)


@pytest.mark.parametrize("content", ["", "[]", '{"sha256": "12", "size": 1, "address": null}'])
def test_a_damaged_record_is_refused(known: Known, content: str) -> None:
    cache.ready(known).with_name(f"{FILE}.json").write_text(content)
    with pytest.raises(
        InputError, match=rf"{FILE}\.json, the record of {NAME}, is damaged; delete it and {FILE}"
    ):
        cache.ready(known)


def test_the_rule_records_the_revision(hub: Hub, known: Known, tmp_path: Path) -> None:
    run("stamp", NAME, "--out", tmp_path / "stamp.json")
    assert json.loads((tmp_path / "stamp.json").read_text()) == {
        "name": NAME,
        "sha256": hashlib.sha256(hub.files[OLD]).hexdigest(),
        "revision": OLD,
        "licence": "Apache-2.0",
    }


def test_a_licence_is_accepted_by_name_before_the_hub_is_asked(
    hub: Hub, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, sets in (
        ("convnextv2_nano.fcmae_ft_in1k", "CC-BY-NC-4.0, which forbids commercial use"),
        ("vit_base_patch16_dinov3.lvd1689m", "dinov3-license, which sets terms of its own"),
    ):
        with pytest.raises(InputError, match=rf"under the licence {sets} .*--accept-license"):
            run("fetch", name)
    assert hub.asked == []
    found = named("convnextv2_nano.fcmae_ft_in1k")
    assert found is not None
    other = replace(found, address=known.address)
    assert cache.fetch(other, ["CC-BY-NC-4.0"]).is_file()


@pytest.mark.slow
def test_a_model_of_timm_starts_from_weights_by_name(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    import timm

    from weakseg.backbones.weights import read_initial_weights

    name = "test_resnet.r160_in1k"
    found = named(name)
    assert found is not None
    address = f"http://127.0.0.1:{hub.port}/timm/{NAME}/resolve/main/model.safetensors"
    monkeypatch.setitem(KNOWN, name, replace(found, address=address))
    hub.files[OLD] = save(timm.create_model("test_resnet").state_dict())
    read = read_initial_weights(name, architecture="timm/test_resnet")
    assert read is not None and read.state is not None
    sha256 = hashlib.sha256(hub.files[OLD]).hexdigest()
    assert {"source": name, "sha256": sha256}.items() <= read.provenance.items()
    assert trained_on(sha256, read.provenance["source"]) == ("ImageNet", "image")
