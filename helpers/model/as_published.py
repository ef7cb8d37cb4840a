"""The report's network in the report's own code, as a reference. Nothing is trained with it."""

import torch
from torch import nn
from torch.nn import functional


class AsPublished(nn.Module):
    """The report's network, its code copied unchanged."""

    def __init__(self):
        super().__init__()
        self.pool = nn.MaxPool2d(2, 2)
        self.upsample = nn.Upsample(scale_factor=2)

        kernel_size = 3
        pad_size = kernel_size // 2
        self.conv1 = nn.Conv2d(1, 8, kernel_size, padding=0)
        self.conv2 = nn.Conv2d(8, 16, kernel_size, padding=0)
        self.conv3 = nn.Conv2d(16, 32, kernel_size, padding=0)
        self.conv4 = nn.Conv2d(32, 64, kernel_size, padding=0)
        self.conv5 = nn.Conv2d(64, 2, kernel_size, padding=0)
        self.pad = lambda x: functional.pad(
            x, (pad_size, pad_size, pad_size, pad_size), mode="replicate"
        )

    def forward(self, x):
        """Lightness (N x 1 x H x W, 0..255) to ab (N x 2 x H x W, (ab + 128) / 255)."""
        x = self.pool(functional.relu(self.conv1(self.pad(x))))
        x = self.pool(functional.relu(self.conv2(self.pad(x))))

        x = torch.sigmoid(self.conv3(self.pad(x)))
        x = torch.sigmoid(self.conv4(self.pad(self.upsample(x))))
        x = torch.sigmoid(self.conv5(self.pad(self.upsample(x))))

        return x
