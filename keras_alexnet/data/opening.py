"""Opens the data set that `--data=` names."""

from __future__ import annotations

from pathlib import Path

from keras_alexnet import files
from keras_alexnet.data.division import VAL_SHARE, Division
from keras_alexnet.data.folder import FolderSource
from keras_alexnet.data.record_files import FILE_NAME
from keras_alexnet.data.records import RecordsSource
from keras_alexnet.data.sources import Source, check_kept_apart

GRAMMAR = "shapes, tfds:NAME[/CONFIG], folder:DIR or records:DIR"


def open_source(
    spec: str,
    data_dir: str | None = None,
    manual_dir: str | None = None,
    *,
    check_pictures: bool = True,
    split: str | None = None,
    training: bool = True,
    val_share: float = VAL_SHARE,
    seed: int = 0,
) -> Source:
    """Opens a data set; tensorflow-datasets prepares its own sets on first use.

    Args:
        spec: `shapes` (drawn on first use), `tfds:NAME[/CONFIG]` (any image
            classification set of tensorflow-datasets), `folder:DIR`, with pictures in
            `DIR/train/CLASS/…` and `DIR/val/CLASS/…` (`val/`, `valid/`, `validation/`
            and `test/` are tried in this order) or in `DIR/CLASS/…`, or `records:DIR`,
            which `scripts/prepare.py` wrote. `~` is the home directory.
        data_dir: Where tensorflow-datasets keeps its data; its own default
            otherwise.
        manual_dir: Where the archives are that tensorflow-datasets cannot download
            itself, such as ImageNet's; its own default otherwise.
        check_pictures: Whether a file in a folder that cannot be a picture is an
            error.
        split: The folder of `DIR`, or the split of tensorflow-datasets, that has the
            validation pictures, such as `"test"`; those named above by default. For
            pictures that are divided, also `"train"` or `"all"`.
        training: Whether there must be training pictures. If not, they are not read,
            and the classes are those of the validation pictures if nothing else
            names them.
        val_share: Which part of the pictures of each class validates, in a folder
            where none are kept apart for that: from 0 to below 1. With 0, data to train
            on have no validation pictures, even if there are some.
        seed: Of that division.

    Returns:
        A `Source`.

    Raises:
        ValueError: If the spec is none of these, or the data are missing, empty, or
            have fewer than two classes; or if a `val_share` is given for data that
            have validation pictures of their own.

    Example:

    >>> open_source("shapes").sizes  # doctest: +SKIP
    {'train': 2000, 'validation': 500}
    """
    kind, _, rest = spec.partition(":")
    division = Division(val_share, seed)
    if kind == "folder" and rest:
        return FolderSource(
            files.expanded(rest), check_pictures, split, training, division
        )
    if training:
        check_kept_apart(spec, division)
    validating = not training or val_share > 0
    if kind == "records" and rest:
        return RecordsSource(files.expanded(rest), split, validating)
    if (kind == "tfds" and rest) or spec == "shapes":
        # Here, because importing tensorflow-datasets takes seconds.
        from keras_alexnet.data.tfds import TfdsSource

        data_dir = data_dir and files.expanded(data_dir)
        manual_dir = manual_dir and files.expanded(manual_dir)
        files.check_text("data_dir", data_dir or "")
        files.check_text("manual_dir", manual_dir or "")
        return TfdsSource(spec, data_dir, manual_dir, split, training, validating)
    raise ValueError(f"data must be {GRAMMAR}{_meant(spec)}. Received: data={spec!r}")


def _meant(spec: str) -> str:
    """What was meant by the bare path of a folder, as a question; else empty."""
    path = Path(files.expanded(spec))
    if not spec or not path.is_dir():
        return ""
    kind = "records" if (path / FILE_NAME).is_file() else "folder"
    return f" (did you mean {kind}:{spec}?)"
