"""Files that are no RVC voice are refused at once, with the setting and the remedy named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from processors.errors import ModelCorruptError, ModelMissingError
from processors.speaking.rvc.checkpoint import build, load_generator, read

GOLDEN = Path(__file__).parents[2] / "fixtures" / "rvc_golden" / "v2_48k_f0.pth"


class Payload:
    def __reduce__(self):
        return print, ("code ran while unpickling",)


def test_a_wrong_path_names_the_setting_and_the_path(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match=r"RVC_MODEL.*absent\.pth"):
        load_generator(tmp_path / "absent.pth")


@pytest.mark.parametrize("kept", [0, 1, 1000, 200_000])
def test_truncated_weights_are_refused(tmp_path: Path, kept: int) -> None:
    cut = tmp_path / "cut.pth"
    cut.write_bytes(GOLDEN.read_bytes()[:kept])
    with pytest.raises(ModelCorruptError, match=r"RVC_MODEL: cut\.pth.*Download it again"):
        load_generator(cut)


def test_a_file_that_holds_code_is_refused_and_the_code_is_not_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "evil.pth"
    torch.save({"weight": Payload(), "config": []}, path)
    with pytest.raises(ModelCorruptError, match="RVC_MODEL"):
        load_generator(path)
    assert "code ran" not in capsys.readouterr().out


def test_a_training_checkpoint_is_told_from_a_voice(tmp_path: Path) -> None:
    path = tmp_path / "G_2333.pth"
    torch.save({"model": {}, "iteration": 1, "optimizer": {}, "learning_rate": 1e-4}, path)
    with pytest.raises(ModelCorruptError, match="export the small model"):
        load_generator(path)


def _without(content: dict[str, Any], name: str) -> None:
    del content["weight"][name]


def _set(index: int, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        content["config"][index] = value

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: _without(c, "enc_p.proj.weight"), "enc_p.proj.weight"),
        (lambda c: _without(c, "dec.ups.0.weight_v"), "dec.ups.0.weight"),
        (lambda c: _without(c, "emb_g.weight"), "emb_g.weight"),
        (lambda c: c["weight"].update({"dec.extra.weight": torch.zeros(1)}), "dec.extra.weight"),
        (lambda c: c.update(version="v1"), "emb_phone"),
        (lambda c: c.update(version="v3"), "v3"),
        (lambda c: c.update(f0=0), "emb_pitch"),
        (lambda c: c.update(vocoder="RefineGAN"), "RefineGAN"),
        (lambda c: c.update(config=[1, 2, 3]), "18 entries"),
        (_set(3, "wide"), "channels"),
        (_set(3, 1 << 40), "out of range"),
        (_set(5, 3), "do not divide"),
        (_set(9, "2"), "residual block"),
        (_set(12, [12, 10, 2, 1]), "not 10 ms"),
        (_set(14, [24, 20, 4]), "differ in length"),
        (_set(13, 8), "out of range"),
    ],
)
def test_another_architecture_is_refused_with_what_differs(change: Callable[[dict[str, Any]], None], said: str) -> None:
    content = read(GOLDEN)
    change(content)
    with pytest.raises(ModelCorruptError, match=said):
        build(content)


def test_the_refusal_of_a_file_names_the_setting_and_the_file(tmp_path: Path) -> None:
    content = read(GOLDEN)
    content["version"] = "v1"
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(ModelCorruptError, match=r"RVC_MODEL: other\.pth is no RVC v1 or v2 voice"):
        load_generator(tmp_path / "other.pth")
