"""Losses that shape a vector space: samples of a class lie close, classes lie apart.

They train `nn("embed")`. Both look only at directions, so vectors are compared by cosine similarity.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn


class SupCon(nn.Module):
    """Supervised contrastive loss: every other sample of the same class in the batch is a positive.

        L = mean over i of  −1/|P(i)| · Σ_{p ∈ P(i)} log( exp(zᵢ·z_p / τ) / Σ_{a ≠ i} exp(zᵢ·z_a / τ) )

    with zᵢ of unit length and P(i) the other samples of i's class (Khosla et al., "Supervised
    Contrastive Learning", NeurIPS 2020, arXiv:2004.11362, eq. 2). Samples alone with their class have
    no positive and are left out of the mean; a batch without any pair has the loss 0.

    Args:
        temperature: τ; 0.1 as in the paper.

    Input: vectors float32 (N, D) of any length, class indices int64 (N,)
    """

    def __init__(self, temperature: float = 0.1) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, vectors: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """Return the mean loss of a batch."""
        if len(vectors) < 2:
            return vectors.sum() * 0.0
        z = F.normalize(vectors.float(), dim=1)
        itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
        similarity = (z @ z.T / self.temperature).masked_fill(itself, -math.inf)
        log_share = similarity - similarity.logsumexp(1, keepdim=True)  # Khosla et al. 2020, eq. 2
        positive = (classes[:, None] == classes[None, :]) & ~itself
        count = positive.sum(1)
        per_anchor = -log_share.masked_fill(~positive, 0.0).sum(1) / count.clamp(min=1)
        return per_anchor.sum() / (count > 0).sum().clamp(min=1)


class ArcFace(nn.Module):
    """Additive angular margin loss, with one learned direction per class.

        L = cross entropy of s·cos(θ_j + m·[j = y]),  cos θ_j = (x/|x|)·(w_j/|w_j|)

    (Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR 2019,
    arXiv:1801.07698, eq. 3). Where θ + m would pass π the margin continues as the straight line
    cos θ − m·sin m, so that the loss keeps falling. The directions are a training head: they are
    learned beside the network and are no part of its export.

    Args:
        dimension: D, the length of the vectors.
        num_classes: The number of classes.
        scale: s; 30 suits tens of classes, the paper's 64 tens of thousands.
        margin: m in radians; 0.5 as in the paper.

    Input: vectors float32 (N, D) of any length, class indices int64 (N,)
    """

    def __init__(self, dimension: int, num_classes: int, scale: float = 30.0, margin: float = 0.5) -> None:
        super().__init__()
        self.scale, self.margin = scale, margin
        self.directions = nn.Parameter(torch.empty(num_classes, dimension))
        nn.init.xavier_uniform_(self.directions)

    def forward(self, vectors: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        """Return the mean loss of a batch."""
        cosine = F.linear(F.normalize(vectors.float(), dim=1), F.normalize(self.directions, dim=1))
        own = cosine.gather(1, classes[:, None])
        sine = (1.0 - own.square()).clamp(min=1e-7).sqrt()
        moved = own * math.cos(self.margin) - sine * math.sin(self.margin)  # cos(θ + m), eq. 3
        line = own - self.margin * math.sin(self.margin)
        moved = torch.where(own > math.cos(math.pi - self.margin), moved, line)
        return F.cross_entropy(self.scale * cosine.scatter(1, classes[:, None], moved), classes)
