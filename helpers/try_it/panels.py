"""Panels of widgets for Jupyter: one colors a photo, one trains the report's network."""

import io
import threading
from dataclasses import replace
from pathlib import Path

import ipywidgets
import numpy as np
from PIL import Image

from .. import paths, training
from ..colorize import Colorizer, coloring, judged, photo_files
from ..photos import decode
from ..plots import try_it as plots
from ..training import Fitted, Photos, Recipe, devices
from .live import Curve
from .photo import Photo, load, save

LONGEST = 600  # pixels of the longer side of each picture that is shown
WIDE = {"description_width": "8em"}  # style: room for a widget's name


class ColoringPanel(ipywidgets.VBox):
    """Colors a photo, uploaded or at a path, with any setting; saves it at full size.

    photo: the first one. folder: for saved photos.
    """

    def __init__(self, photo: Photo, folder: Path):
        self.photo, self.folder = photo, folder
        self.upload = ipywidgets.FileUpload(accept=",".join(sorted(paths.PHOTO_ENDINGS)))
        self.path = ipywidgets.Text(
            description="or its path", placeholder="photo.jpg, then Enter", continuous_update=False
        )
        self.model = ipywidgets.Dropdown(
            options=list(coloring.MODELS), value=coloring.MODEL, description="operating point",
            style=WIDE,
        )  # fmt: skip
        slider = {"continuous_update": False, "style": WIDE}
        self.temperature = ipywidgets.FloatSlider(
            Colorizer.load().point.temperature, min=0.1, max=3, description="temperature", **slider
        )
        self.gain = ipywidgets.FloatSlider(1, min=0, max=3, description="chroma gain", **slider)
        self.picture = ipywidgets.Image(format="jpeg")
        self.save = ipywidgets.Button(description="Save at full size", icon="save")
        self.message = ipywidgets.Label()
        super().__init__(
            [
                ipywidgets.HBox([self.upload, self.path]),
                *(self.model, self.temperature, self.gain),
                *(self.picture, self.save, self.message),
            ]
        )
        self.upload.observe(self._uploaded, "value")
        self.path.observe(lambda change: change.new and self._take(change.new), "value")
        for setting in (self.model, self.temperature, self.gain):
            setting.observe(lambda _: self._look(), "value")
        self.save.on_click(self._save)
        self._look()

    def _uploaded(self, change) -> None:
        for file in change.new:
            self._take(bytes(file["content"]), file["name"])
        self.upload.value, self.path.value = (), ""  # so that the same photo can be chosen again

    def _take(self, photo: str | bytes, name: str = "") -> None:
        try:
            self.photo = load(photo, name)
        except decode.BadPhotoError as error:
            self.message.value = str(error)
            return
        self._look()

    def _colorizer(self) -> Colorizer:
        return Colorizer.load(
            model=self.model.value,
            temperature=self.temperature.value,
            chroma_gain=self.gain.value,
        )

    def _look(self) -> None:
        small, colorizer = judged.shrunk(self.photo.scan.rgb, LONGEST), self._colorizer()
        gray = colorizer.gray_version(small)[..., None].repeat(3, axis=-1)
        pair, encoded = np.hstack([gray, colorizer.colorize(small)]), io.BytesIO()
        Image.fromarray(pair).save(encoded, "JPEG", quality=90)
        self.picture.value = encoded.getvalue()
        height, width = self.photo.scan.rgb.shape[:2]
        self.message.value = f"{self.photo.name}, {width} x {height} pixels"

    def _save(self, _) -> None:
        try:
            written = save(self.photo, self._colorizer(), self.folder)
        except photo_files.WriteError as error:
            self.message.value = f"{self.photo.name} {error}"
            return
        self.message.value = f"Saved as {written}"


class TrainingPanel(ipywidgets.VBox):
    """Trains the report's network on photos with any setting, and draws its loss meanwhile.

    recipe: the settings to begin with. fitted: the result of the last training that ended. The
    network trains in a thread of its own, so that the kernel can receive the click on "Stop". A
    new panel stops the training of the one before it, whose widgets may be gone.
    """

    latest: Curve | None = None

    def __init__(self, photos: Photos, recipe: Recipe):
        if TrainingPanel.latest:
            TrainingPanel.latest.stop()
        self.photos, self.recipe = photos, recipe
        self.fitted: Fitted | None = None
        self.curve = Curve(recipe.loss)
        self.kernel_size = ipywidgets.Dropdown(
            options=(1, 3, 5, 7), value=recipe.kernel_size, description="kernel size", style=WIDE
        )
        self.loss = ipywidgets.Dropdown(
            options=("mse", "l1"), value=recipe.loss, description="loss", style=WIDE
        )
        self.rate = ipywidgets.FloatLogSlider(
            recipe.rate, min=-5, max=-1, step=0.25, readout_format=".1e",
            description="learning rate", style=WIDE,
        )  # fmt: skip
        self.batches = ipywidgets.IntSlider(
            recipe.batches, min=10, max=1000, step=10, description="batches", style=WIDE
        )
        self.start = ipywidgets.Button(description="Train", icon="play")
        self.stop = ipywidgets.Button(description="Stop", icon="stop", disabled=True)
        self.picture = ipywidgets.Image(format="png", width=640)
        self.picture.layout.display = "none"  # until there is a curve
        self.message = ipywidgets.Label()
        super().__init__(
            [
                *(self.kernel_size, self.loss, self.rate, self.batches),
                ipywidgets.HBox([self.start, self.stop]),
                *(self.picture, self.message),
            ]
        )
        self.start.on_click(self._start)
        self.stop.on_click(lambda _: self.curve.stop())

    def _start(self, _) -> None:
        if self.start.disabled:  # the second click of a double click
            return
        recipe = replace(
            self.recipe,
            kernel_size=self.kernel_size.value,
            loss=self.loss.value,
            rate=self.rate.value,
            batches=self.batches.value,
        )
        gray = training.constant_losses(self.photos, self.photos, recipe.loss)["gray"]
        self.curve = Curve(recipe.loss, lambda losses: self._draw(recipe, losses, gray))
        TrainingPanel.latest = self.curve
        self.start.disabled, self.stop.disabled = True, False
        self.message.value = "Training begins."
        threading.Thread(target=self._train, args=(recipe, gray), daemon=True).start()

    def _train(self, recipe: Recipe, gray: float) -> None:
        log = {"curve": self.curve}
        try:
            self.fitted = training.fit(recipe, self.photos, device=devices.requested(), log=log)
            end = "Finished"
        except KeyboardInterrupt:
            end = "Stopped"
        except Exception as error:  # such as a loss that is infinite, or a GPU without memory
            end = f"Failed: {error}"
        self._draw(recipe, self.curve.losses, gray)
        self.message.value = f"{end}. {self.message.value}"
        self.start.disabled, self.stop.disabled = False, True

    def _draw(self, recipe: Recipe, losses: list[float], gray: float) -> None:
        encoded = io.BytesIO()
        plots.loss_curve(losses, gray, recipe.loss).figure.savefig(encoded, dpi=100)
        self.picture.value, self.picture.layout.display = encoded.getvalue(), None
        passes = len(losses) * recipe.batch_size / len(self.photos)
        last = np.mean(losses[-10:]) / gray if losses else np.nan
        self.message.value = (
            f"Batch {len(losses)} of {recipe.batches}, {passes:.1f} epochs. Mean loss of the last "
            f"ten batches relative to gray: {last:.2f}"
        )
