"""Any network that gives logits of classes, as a classifier."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from underpainting.observers.fingerprints import fingerprint

Prepare = Callable[[Tensor], Tensor]


class NetworkClassifier:
    """A network with its preparation of pictures; made by this package's loaders.

    classes: names in the order of the network's outputs. fingerprint: SHA-256 of names and bytes of weights.
    """

    def __init__(
        self,
        network: nn.Module,
        prepare: Prepare,
        classes: Sequence[str],
        *,
        name: str,
        device: str | torch.device | None = None,
    ) -> None:
        """prepare: pictures [picture, 3, height, width] in 0..1 to what the network takes."""
        self.device = torch.device(device or "cpu")
        self.network = network.to(self.device).eval().requires_grad_(False)
        self.prepare, self.classes, self.name = prepare, tuple(classes), name
        self.fingerprint = fingerprint(network)

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        """Probabilities [picture, class] from pictures [picture, 3, height, width] in 0..1."""
        output = self.network(self.prepare(pictures.to(self.device, torch.float32)))
        logits: Tensor = output if isinstance(output, Tensor) else output.logits
        return logits.float().softmax(1)
