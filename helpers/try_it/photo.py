"""One photo to color: read from a file or an upload, written in color at full size."""

import os
from dataclasses import dataclass
from pathlib import Path

from .. import paths, preprocessing
from ..colorize import Colorizer, photo_files
from ..colorize.album import identities
from ..photos import decode, sources


@dataclass(frozen=True)
class Photo:
    """A photo to color. name: of its file. path: None for an upload."""

    name: str
    scan: photo_files.Scan
    path: Path | None = None


def street(data: str, images: int, extra: str | None = None) -> Path:
    """Return the path of a street of a run's source of photos, of which it reads at most `images`.

    Raises what `preprocessing.prepare` raises.
    """
    if data == "synthetic":  # one place is drawn in seconds, a whole set takes a minute
        return sources.gather(data, 1).photos[0].path
    return preprocessing.prepare(data, images, extra).path(0)


def load(photo: str | os.PathLike | bytes, name: str = "") -> Photo:
    """Read a photo from its path, or from its bytes with the name of its file.

    A relative path starts at the current folder, or else at the project's. Raises BadPhotoError,
    one sentence with the name and the reason, if the photo cannot be read.
    """
    path = None if isinstance(photo, bytes) else _found(photo)
    name = Path(name).name if path is None else path.name
    mark = photo_files.mark_of(paths.SHIPPED)
    try:
        scan = photo_files.read(decode.opened(photo if path is None else path), mark)
    except FileNotFoundError:
        raise decode.BadPhotoError(f"{path} cannot be read: there is no such file.") from None
    except Exception as error:  # decoders raise errors of many kinds
        raise decode.BadPhotoError(f"{name} cannot be read: {decode.reason(error)}.") from None
    return Photo(name, scan, path)


def _found(photo: str | os.PathLike) -> Path:
    given = Path(os.path.expanduser(photo))
    pasted = Path(os.path.expanduser(os.fspath(photo).strip(" \"'")))  # as from a file manager
    places = (given, pasted, paths.ROOT / pasted)
    return next((path for path in places if os.path.exists(path)), given)


def save(photo: Photo, colorizer: Colorizer, folder: Path) -> Path:
    """Color a photo at full size, write it into `folder` under its own name, return the path.

    Format, EXIF, orientation and color profile are those of the photo (`photo_files`). An earlier
    result is replaced. Raises WriteError if that would replace the photo itself, or if the file
    cannot be written.
    """
    target = folder / photo.name
    if photo.path and identities([target]) & identities([photo.path]):
        raise photo_files.WriteError("would replace the original: move it to another folder")
    photo_files.write(target, colorizer.colorize(photo.scan.picture), photo.scan)
    return target
