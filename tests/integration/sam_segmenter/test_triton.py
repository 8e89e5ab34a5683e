"""TritonEncoder against a real tritonserver: the same embeddings as in process, and what happens when it goes away."""

import asyncio
import os
import signal
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from triton_server import TritonServer, triton_server
from tritonclient.grpc.aio import InferenceServerClient

from sam_segmenter import triton_memory
from sam_segmenter.encoder import OnnxEncoder
from sam_segmenter.encoder_graph import identify
from sam_segmenter.errors import EncoderSlow, EncoderUnavailable, EncoderUnfit
from sam_segmenter.export import repository
from sam_segmenter.export.configuration import Placement, Target
from sam_segmenter.triton import TritonEncoder

# The first test on a machine fetches the server.
pytestmark = pytest.mark.timeout(600)


def small_encoder(path):
    """A quick model with the inputs and outputs of a stock SAM encoder."""
    values = np.random.default_rng(1).normal(0, 0.02, (256, 3, 16, 16)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("Conv", ["input", "weights"], ["out"], strides=[16, 16])],
        "small",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, 1024, 1024])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 256, 64, 64])],
        [numpy_helper.from_array(values, "weights")],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7),
        path,
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory, sam_dir):
    """The stock file of a quick encoder, and a repository of it with variants that are configured otherwise."""
    folder = tmp_path_factory.mktemp("small")
    small_encoder(folder / "encoder.onnx")
    place = Placement(Target.CPU, instances=1, batch=4, threads=1)
    models = folder / "models"
    models.mkdir()
    repository.write(folder / "encoder.onnx", sam_dir / "decoder.onnx", models, "small", place)
    text = (models / "sam_encoder" / "config.pbtxt").read_text()
    for name, change in {
        "narrow": ("max_queue_size: 64", "max_queue_size: 1"),
        "odd": ("dims: [ 2 ]", "dims: [ 3 ]"),
    }.items():
        (models / name / "1").mkdir(parents=True)
        (models / name / "1" / "model.onnx").symlink_to(models / "sam_encoder" / "1" / "model.onnx")
        changed = text.replace(*change).replace("sam_encoder", name)
        assert changed != text
        (models / name / "config.pbtxt").write_text(changed)
    return folder


@pytest.fixture(scope="module")
def server(small, tmp_path_factory):
    with triton_server(small / "models", tmp_path_factory.mktemp("log") / "triton.log") as running:
        yield running


@asynccontextmanager
async def encoding(url, model="sam_encoder", sha256="", **options):
    encoder = TritonEncoder(url, model, sha256, **options)
    try:
        yield encoder
    finally:
        await encoder.close()


def square(seed):
    return np.random.default_rng(seed).integers(0, 256, (1024, 1024, 3), dtype=np.uint8)


async def in_process(path, pixels, height_px, width_px):
    encoder = OnnxEncoder(path, threads=1)
    try:
        return await encoder.encode(pixels, height_px, width_px)
    finally:
        await encoder.close()


def ours_in_shared_memory():
    return [path.name for path in Path("/dev/shm").glob(f"labelmesh-sam-{os.getpid()}-*")]


async def regions(url):
    async with InferenceServerClient(url) as client:
        return (await client.get_system_shared_memory_status()).regions


@pytest.mark.parametrize("shared_memory", [False, True])
async def test_everyone_gets_the_embedding_that_this_process_would_have_made(server, small, shared_memory):
    sizes = [(1024, 700), (1, 1024), (512, 512), (1024, 1024), (3, 5)]
    async with encoding(server.url, shared_memory=shared_memory) as encoder:
        embeddings = await asyncio.gather(
            *(encoder.encode(square(seed), *size) for seed, size in enumerate(sizes))
        )
        assert len(await regions(server.url)) == (len(sizes) if shared_memory else 0)
    for seed, (embedding, size) in enumerate(zip(embeddings, sizes, strict=True)):
        assert (embedding.shape, embedding.dtype) == ((256, 64, 64), np.float16)
        wanted = await in_process(small / "encoder.onnx", square(seed), *size)
        # Which pictures Triton puts into one batch changes the order of sums.
        np.testing.assert_allclose(embedding, wanted, atol=2e-3)
    assert not await regions(server.url)
    assert not ours_in_shared_memory()


async def test_the_real_model_in_both_precisions_is_the_one_in_process(sam_dir, tmp_path):
    place = Placement(Target.CPU, instances=1, batch=1)
    written = repository.write(
        sam_dir / "encoder.onnx", sam_dir / "decoder.onnx", tmp_path / "models", "sam", place
    )
    pixels = square(7)
    wanted = await in_process(sam_dir / "encoder.onnx", pixels, 683, 1024)
    with triton_server(tmp_path / "models", tmp_path / "triton.log") as server:
        for model in (repository.ENCODER, repository.ENCODER_HALF):
            async with encoding(server.url, model, written.encoder_sha256) as encoder:
                np.testing.assert_allclose(await encoder.encode(pixels, 683, 1024), wanted, atol=2e-3)


async def test_a_model_that_triton_does_not_have_is_unfit(server):
    async with encoding(server.url, "nothing") as encoder:
        with pytest.raises(EncoderUnfit):
            await encoder.encode(square(0), 1024, 1024)


@pytest.mark.parametrize("shared_memory", [False, True])
async def test_a_model_with_other_inputs_is_unfit(server, shared_memory):
    async with encoding(server.url, "odd", shared_memory=shared_memory) as encoder:
        with pytest.raises(EncoderUnfit):
            await encoder.encode(square(0), 1024, 1024)


async def test_the_encoder_of_another_model_is_unfit(server, small):
    async with encoding(server.url, sha256="f" * 64) as encoder:
        with pytest.raises(EncoderUnfit):
            await encoder.encode(square(0), 1024, 1024)
    async with encoding(server.url, sha256=identify(small / "encoder.onnx")) as encoder:
        await encoder.encode(square(0), 1024, 1024)


async def test_a_full_queue_is_said_at_once_and_the_others_are_served(server):
    async with encoding(server.url, "narrow") as encoder:
        ends = await asyncio.gather(
            *(encoder.encode(square(seed), 1024, 1024) for seed in range(24)), return_exceptions=True
        )
        kinds = {type(end) for end in ends}
        assert kinds == {np.ndarray, EncoderUnavailable}
        await encoder.encode(square(0), 1024, 1024)


async def test_more_callers_than_may_wait_are_refused(server):
    async with encoding(server.url, waiting=2) as encoder:
        ends = await asyncio.gather(
            *(encoder.encode(square(0), 1024, 1024) for _ in range(3)), return_exceptions=True
        )
        assert [type(end) for end in ends] == [np.ndarray, np.ndarray, EncoderUnavailable]


async def test_without_triton_one_waits_for_it_and_the_others_are_told_at_once(tmp_path):
    nowhere = TritonServer(tmp_path, tmp_path / "log").url
    async with encoding(nowhere, comeback_seconds=0.3) as encoder:
        with pytest.raises(EncoderUnavailable):
            await encoder.encode(square(0), 1024, 1024)
    async with encoding(nowhere, comeback_seconds=3600, seconds=1.0) as encoder:
        with pytest.raises(EncoderUnavailable):
            await encoder.encode(square(0), 1024, 1024)


@pytest.fixture
def own_server(small, tmp_path):
    """A server that a test may stop."""
    with triton_server(small / "models", tmp_path / "triton.log") as running:
        yield running


@pytest.mark.parametrize("shared_memory", [False, True])
async def test_a_triton_that_hangs_is_slow_and_afterwards_nobody_gets_a_picture_that_was_given_up(
    own_server, small, shared_memory
):
    wanted = [await in_process(small / "encoder.onnx", square(seed), 1024, 1024) for seed in range(3)]
    async with encoding(own_server.url, seconds=4.0, shared_memory=shared_memory) as encoder:
        await encoder.encode(square(0), 1024, 1024)
        own_server.process.send_signal(signal.SIGSTOP)
        with pytest.raises(EncoderSlow):
            await encoder.encode(square(1), 1024, 1024)
        leaving = asyncio.create_task(encoder.encode(square(1), 1024, 1024))
        await asyncio.sleep(0.1)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        own_server.process.send_signal(signal.SIGCONT)
    async with encoding(own_server.url, shared_memory=shared_memory) as encoder:
        for seed in (2, 0, 2):
            embedding = await encoder.encode(square(seed), 1024, 1024)
            np.testing.assert_allclose(embedding, wanted[seed], atol=2e-3)
    assert not ours_in_shared_memory()


@pytest.mark.parametrize("shared_memory", [False, True])
async def test_a_restart_in_the_middle_of_a_request_costs_nothing_but_time(own_server, small, shared_memory):
    wanted = await in_process(small / "encoder.onnx", square(5), 1024, 768)
    async with encoding(own_server.url, shared_memory=shared_memory, comeback_seconds=60.0) as encoder:
        await encoder.encode(square(0), 1024, 1024)
        # It holds the request and does not answer it any more.
        own_server.process.send_signal(signal.SIGSTOP)
        asked = [asyncio.create_task(encoder.encode(square(5), 1024, 768)) for _ in range(3)]
        await asyncio.sleep(0.2)
        own_server.kill()
        await asyncio.to_thread(own_server.start)
        for embedding in await asyncio.gather(*asked):
            np.testing.assert_allclose(embedding, wanted, atol=2e-3)
    assert not await regions(own_server.url)


async def test_a_restart_between_requests_is_not_noticed(own_server):
    async with encoding(own_server.url, shared_memory=True, comeback_seconds=60.0) as encoder:
        first = await encoder.encode(square(5), 1024, 768)
        own_server.stop()
        await asyncio.to_thread(own_server.start)
        np.testing.assert_array_equal(await encoder.encode(square(5), 1024, 768), first)


async def test_after_an_outage_it_goes_on_by_itself(own_server):
    async with encoding(own_server.url, comeback_seconds=0.2) as encoder:
        first = await encoder.encode(square(5), 1024, 768)
        own_server.kill()
        for _ in range(2):
            with pytest.raises(EncoderUnavailable):
                await encoder.encode(square(5), 1024, 768)
        await asyncio.to_thread(own_server.start)
        async with asyncio.timeout(30):
            while True:
                try:
                    again = await encoder.encode(square(5), 1024, 768)
                    break
                except EncoderUnavailable:
                    await asyncio.sleep(0.1)
        np.testing.assert_array_equal(again, first)


async def test_without_memory_in_common_pictures_go_over_the_wire(server, small, monkeypatch, tmp_path):
    # A folder that Triton does not look into, as on another host.
    monkeypatch.setattr(triton_memory, "_FOLDER", tmp_path)
    async with encoding(server.url, shared_memory=True) as encoder:
        embedding = await encoder.encode(square(0), 1024, 1024)
        wanted = await in_process(small / "encoder.onnx", square(0), 1024, 1024)
        np.testing.assert_allclose(embedding, wanted, atol=2e-3)
    assert not list(tmp_path.iterdir())
