"""The RVC generator network in torch, after the papers it is built on (VITS, NSF-HiFiGAN). Needs the `rvc` extra."""

from processors.speaking.rvc.network.generator import Draws, Generator, NoDraws, SeededDraws, Shape

__all__ = ["Draws", "Generator", "NoDraws", "SeededDraws", "Shape"]
