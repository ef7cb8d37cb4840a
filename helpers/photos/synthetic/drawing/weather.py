"""Sun, sky, haze and the camera's own taste: what tints a whole street."""

from dataclasses import dataclass

import numpy as np

from .camera import WIDTH, Camera
from .materials import SIZE, stains

SKY_STEP = 8  # the sky is worked out in every eighth pixel


@dataclass(frozen=True)
class Weather:
    """Light is a gain per channel, sRGB; colors are sRGB 0..255; `sun` points to the sun."""

    sun: np.ndarray
    sunlight: np.ndarray
    ambient: np.ndarray
    clouds: float  # 0 clear .. 1 overcast
    zenith: np.ndarray
    horizon: np.ndarray
    haze: float  # meters until half of what is seen is haze
    balance: np.ndarray  # the camera's gain per channel
    saturation: float  # 1: as things are
    vignette: float
    offset: np.ndarray  # where the clouds are, in pixels of the noise

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Weather":
        """Weather for a street."""
        clouds = float(
            rng.choice([rng.uniform(0, 0.3), rng.uniform(0.3, 0.7), 1], p=[0.5, 0.2, 0.3])
        )
        azimuth, height = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(28, 62))
        flat, up = np.cos(height), np.sin(height)
        if clouds == 1:
            gray = rng.uniform(215, 262)
            zenith = np.array([gray - 4, gray - 6, gray + 1])
            horizon = (zenith + 255) / 2
            ambient = np.array([0.96, 0.97, 0.97]) * rng.uniform(0.75, 1.1)
            sunlight = np.zeros(3)
        else:
            blue = np.array([rng.uniform(84, 130), rng.uniform(116, 154), rng.uniform(178, 208)])
            zenith = blue * rng.uniform(0.66, 1.02)
            horizon = np.array([228.0, 232.0, 240.0]) * rng.uniform(0.86, 1.04)
            ambient = np.array([0.60, 0.63, 0.68]) * rng.uniform(0.85, 1.12)
            sunlight = np.array([0.80, 0.74, rng.uniform(0.62, 0.70)]) * rng.uniform(0.85, 1.15)
            sunlight *= 1 - 0.5 * clouds
        return cls(
            sun=np.array([flat * np.sin(azimuth), up, flat * np.cos(azimuth)]),
            sunlight=sunlight,
            ambient=ambient,
            clouds=clouds,
            zenith=zenith,
            horizon=horizon,
            haze=float(rng.uniform(260, 1100)),
            balance=1 + rng.normal(0, 1, 3) * (0.022, 0.012, 0.03),
            saturation=float(rng.uniform(0.78, 1.06)),
            vignette=float(rng.uniform(0, 0.25)),
            offset=rng.integers(0, SIZE, 2),
        )

    def sky(self, camera: Camera, height: int) -> np.ndarray:
        """The sky in every `SKY_STEP`th pixel of the upper `height` rows: H' x W' x 3, float32."""
        x = np.arange(-SKY_STEP // 2, WIDTH + SKY_STEP, SKY_STEP)
        y = np.arange(-SKY_STEP // 2, height + SKY_STEP, SKY_STEP)
        dx, dy, dz = camera.rays(x, y)
        length = np.sqrt(dx * dx + dy * dy + dz * dz)
        up = np.clip(dy / length, 0, 1)
        glow = np.clip((dx * self.sun[0] + dy * self.sun[1] + dz * self.sun[2]) / length, 0, 1)
        rise = np.sqrt(up)[..., None]
        color = self.horizon + (self.zenith - self.horizon) * rise
        lift = np.clip(dy, 0.02, None) + 0.25
        noise = 0.0
        for share, scale in ((0.7, 40), (0.3, 170)):
            u, v = (dx / lift * scale + self.offset[0]), (dz / lift * scale + self.offset[1])
            noise = noise + share * _smooth(u, v)
        cover = np.clip((noise - 1.1 + 2.2 * self.clouds) * 0.8, 0, 1)[..., None]
        cloud = (
            236 + 14 * noise[..., None] if self.clouds < 1 else self.zenith + 9 * noise[..., None]
        )
        color = color + (cloud - color) * cover * 0.85
        if self.clouds < 1:
            color = (
                color
                + (255 - color) * (0.9 * glow**2 * glow**6 + glow**40 * 0.5).clip(0, 1)[..., None]
            )
        return color.astype(np.float32)


def _smooth(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Wrapping noise at (u, v) pixels, between the pixels by bilinear weights."""
    iu, iv = np.floor(u).astype(int), np.floor(v).astype(int)
    fu, fv = u - iu, v - iv
    noise = stains().reshape(SIZE, SIZE)
    a, b, c, d = (noise[(iv + j) % SIZE, (iu + i) % SIZE] for j in (0, 1) for i in (0, 1))
    return (a * (1 - fu) + b * fu) * (1 - fv) + (c * (1 - fu) + d * fu) * fv
