"""The generator network against figures of a separate implementation (random draws replaced by zeros)."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from processors.speaking.rvc.checkpoint import build, fold_weight_norm, load_generator, read
from processors.speaking.rvc.network import Generator, NoDraws, SeededDraws, Shape
from processors.speaking.rvc.voice import DECODER_REACH_FRAMES

GOLDEN = Path(__file__).parents[2] / "fixtures" / "rvc_golden"
VOICES = ("v1_40k_f0", "v2_40k_nof0", "v2_48k_f0")
TOLERANCE = 1e-4


class Case(NamedTuple):
    generator: Generator
    phone: torch.Tensor
    pitch: torch.Tensor | None
    f0_hz: torch.Tensor | None
    speaker: int
    figures: dict[str, np.ndarray]

    def inputs(self, draws: NoDraws | SeededDraws):
        return self.phone, self.pitch, self.f0_hz, self.speaker, draws


@pytest.fixture(params=VOICES)
def case(request: pytest.FixtureRequest) -> Case:
    generator = load_generator(GOLDEN / f"{request.param}.pth")
    with np.load(GOLDEN / f"{request.param}.npz") as figures:
        kept = {name: figures[name] for name in figures}
    pitched = generator.shape.pitched
    return Case(
        generator,
        torch.from_numpy(kept["phone"][0]).float(),
        torch.from_numpy(kept["pitch"][0]) if pitched else None,
        torch.from_numpy(kept["pitchf"][0]) if pitched else None,
        int(kept["sid"][0]),
        kept,
    )


def test_a_whole_clip_sounds_as_the_golden_figures_say(case: Case) -> None:
    sound = case.generator.infer(*case.inputs(NoDraws())).numpy()
    assert sound.dtype == np.float32
    np.testing.assert_allclose(sound, case.figures["audio"], rtol=0, atol=TOLERANCE)


def test_a_window_sounds_as_the_golden_figures_say(case: Case) -> None:
    sound = case.generator.infer(*case.inputs(NoDraws()), skip=20, length=30).numpy()
    np.testing.assert_allclose(sound, case.figures["audio_skip20_len30"], rtol=0, atol=TOLERANCE)


def test_every_tensor_of_the_checkpoint_is_used_and_none_is_missing(case: Case, request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.params["case"]
    weights = read(GOLDEN / f"{name}.pth")["weight"]
    folded = fold_weight_norm(weights)
    assert set(folded) == set(case.generator.state_dict())
    pairs = sum(key.endswith("weight_g") for key in weights)
    assert len(folded) == len(weights) - pairs


def test_a_window_deep_in_a_clip_is_the_whole_clip_cut_out_when_the_phase_is_carried(case: Case) -> None:
    whole = case.generator.infer(*case.inputs(NoDraws())).numpy()
    turned = 0.0 if case.f0_hz is None else float(case.f0_hz[:10].double().sum()) / 100
    hop, margin = case.generator.hop, DECODER_REACH_FRAMES
    window = case.generator.infer(*case.inputs(NoDraws()), skip=10, length=40, phase=turned).numpy()
    inner = slice(margin * hop, -margin * hop)
    np.testing.assert_allclose(window[inner], whole[10 * hop : 50 * hop][inner], rtol=0, atol=TOLERANCE)


def test_overlapping_windows_with_seeded_draws_agree(case: Case) -> None:
    draws = SeededDraws(7, case.generator.shape.latent)
    whole = case.generator.infer(*case.inputs(draws), position=500).numpy()
    turned = 0.0 if case.f0_hz is None else float(case.f0_hz[:10].double().sum()) / 100
    window = case.generator.infer(*case.inputs(draws), skip=10, length=40, phase=turned, position=500).numpy()
    hop, margin = case.generator.hop, DECODER_REACH_FRAMES
    inner = slice(margin * hop, -margin * hop)
    np.testing.assert_allclose(window[inner], whole[10 * hop : 50 * hop][inner], rtol=0, atol=TOLERANCE)


def test_seeded_draws_repeat_with_their_seed_and_differ_with_another(case: Case) -> None:
    width = case.generator.shape.latent
    first, again, other = (case.generator.infer(*case.inputs(SeededDraws(seed, width))) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_clip_shorter_than_the_reach_of_attention_is_sounded(case: Case) -> None:
    pitch = None if case.pitch is None else case.pitch[:3]
    f0_hz = None if case.f0_hz is None else case.f0_hz[:3]
    sound = case.generator.infer(case.phone[:3], pitch, f0_hz, 0, NoDraws())
    assert sound.shape == (3 * case.generator.hop,)
    assert torch.isfinite(sound).all()


def test_the_speaker_count_comes_from_the_table_not_from_the_list() -> None:
    content = read(GOLDEN / "v2_48k_f0.pth")
    content["config"][-3] = 109
    assert build(content).shape.speakers == 2


@pytest.mark.parametrize("rates", [(12, 10, 2, 2), (10, 10, 2, 2), (10, 8, 2, 2), (10, 6, 2, 2, 2)])
def test_with_the_kernels_of_real_voices_a_frame_hears_no_further_than_the_margin(rates: tuple[int, ...]) -> None:
    torch.manual_seed(1)
    shape = Shape(
        features=768,
        latent=8,
        channels=16,
        hidden=32,
        heads=2,
        layers=1,
        kernel=3,
        block_kernels=(3, 7, 11),
        block_dilations=((1, 3, 5),) * 3,
        rates=rates,
        upsample_channels=64,
        upsample_kernels=tuple(2 * rate for rate in rates),
        speakers=1,
        speaker_width=8,
        rate_hz=100 * int(np.prod(rates)),
        pitched=False,
    )
    generator = Generator(shape).eval()
    for parameter in generator.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    phone = torch.randn(80, 768)
    whole = generator.infer(phone, None, None, 0, NoDraws()).numpy()
    window = generator.infer(phone, None, None, 0, NoDraws(), skip=25, length=40).numpy()
    hop, margin = generator.hop, DECODER_REACH_FRAMES
    inner = slice(margin * hop, -margin * hop)
    loudest = np.abs(whole).max()
    assert loudest > 1e-5
    np.testing.assert_allclose(window[inner], whole[25 * hop : 65 * hop][inner], rtol=0, atol=1e-4 * loudest)
