"""What `sam-segmenter export` says when it cannot do what it was asked."""

import sys

import pytest

from sam_segmenter.export import command


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--checkpoint", "a.pth", "--model-type", "vit_t"], "TinyViT"),
        (["--checkpoint", "a.pth"], "needs --model-type"),
        (["--from-onnx", ".", "--checkpoint", "a.pth"], "not allowed with"),
        (["--from-onnx", ".", "--tensorrt"], "needs --target gpu"),
        (["--from-onnx", ".", "--batch", "0"], "1 or more"),
        ([], "required"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_sentence(arguments, said, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        command.main([*arguments, "--out", str(tmp_path)])
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_folder_without_a_model_is_a_sentence_and_not_a_traceback(tmp_path, capsys):
    assert command.main(["--from-onnx", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == "The encoder's file is missing or not ONNX.\n"


def test_without_torch_it_says_where_to_read_on(tmp_path, capsys, monkeypatch):
    # An installation without the extra, wherever the test runs.
    monkeypatch.setitem(sys.modules, "torch", None)
    arguments = ["--checkpoint", str(tmp_path / "a.pth"), "--model-type", "vit_b"]
    assert command.main([*arguments, "--out", str(tmp_path)]) == 1
    assert "docs/triton.md" in capsys.readouterr().err
