"""What a person may have meant by a flag or a command that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# What others call our flags: `references/classification/train.py` of torchvision,
# `train.py` of timm, `Model.fit` and the utilities of Keras. A flag with several
# meanings is that of the command that has it.
_ELSEWHERE = {
    "lr": ("learning_rate",),
    "a": ("variant",),
    "arch": ("variant",),
    "model": ("variant",),
    "b": ("batch_size",),
    "validation_batch_size": ("batch_size",),
    "num_epochs": ("epochs",),
    "opt": ("update_rule",),
    "optimizer": ("update_rule",),
    "lr_scheduler": ("schedule",),
    "sched": ("schedule",),
    "lr_step_size": ("step_epochs",),
    "decay_epochs": ("step_epochs",),
    "milestones": ("step_epochs",),
    "warmup_epochs": ("warmup_steps",),
    "lr_warmup_epochs": ("warmup_steps",),
    "patience_epochs": ("patience",),
    "smoothing": ("label_smoothing",),
    "img_size": ("image_size",),
    "input_size": ("image_size",),
    "target_size": ("image_size",),
    "train_crop_size": ("image_size",),
    "resume": ("model_dir",),
    "output": ("out", "export_dir", "model_dir"),
    "output_dir": ("out", "export_dir", "model_dir"),
    "save_dir": ("model_dir",),
    "logdir": ("model_dir",),
    "pretrained": ("init_from", "model"),
    "weights": ("init_from", "model"),
    "initial_checkpoint": ("init_from", "model"),
    "checkpoint": ("init_from", "model"),
    "finetune": ("init_from",),
    "amp": ("precision",),
    "dtype": ("precision",),
    "amp_dtype": ("precision",),
    "model_ema": ("average",),
    "use_ema": ("average",),
    "model_ema_decay": ("average_momentum",),
    "ema_momentum": ("average_momentum",),
    "data_path": ("data",),
    "dataset": ("data",),
    "device": ("devices",),
    "gpus": ("devices",),
    "workers": ("processes",),
    "j": ("processes",),
    "random_seed": ("seed",),
    "use_deterministic_algorithms": ("deterministic",),
    "topk": ("top_k",),
    "clip_grad": ("clip_norm",),
    "clip_grad_norm": ("clip_norm",),
    "global_clipnorm": ("clip_norm",),
    "freeze_layers": ("freeze",),
    "grad_accum_steps": ("accumulate",),
    "gradient_accumulation_steps": ("accumulate",),
    "auto_augment": ("rand_augment",),
    "aa": ("rand_augment",),
    "ra_magnitude": ("rand_augment_strength",),
    "random_erase": ("erasing",),
    "reprob": ("erasing",),
    "mixup_alpha": ("mixup",),
    "cutmix_alpha": ("cutmix",),
    "mixup_prob": ("mixed",),
}


def unknown_flag(name: str, known: Iterable[str]) -> ValueError:
    """The error for a flag that a command does not have, to raise.

    Args:
        name: The flag, without its dashes.
        known: The flags of the command.
    """
    return ValueError(
        f"flags must be those of the command{meant(name, known)} --help shows all. "
        f"Received: --{name}"
    )


def meant(name: str, known: Iterable[str]) -> str:
    """The flags that a name may mean, as the end of a sentence.

    Example:

    >>> meant("lr", ["learning_rate"]), meant("zzz", ["learning_rate"])
    ('; did you mean --learning_rate?', '.')
    """
    found = flags_like(name, list(known))
    return f"; did you mean --{' or --'.join(found)}?" if found else "."


def flags_like(name: str, known: list[str]) -> list[str]:
    """The flags that are most like a name: in this order of kinds, those of the first.

    The same name in another spelling, what others call it, its initials, its
    beginning, one with a few other letters, and that without a leading "no".

    Args:
        name: A name that no flag has.
        known: The flags that there are.

    Example:

    >>> known = ["batch_size", "learning_rate", "label_smoothing"]
    >>> [flags_like(name, known) for name in ("batch-size", "lr", "lerning_rate")]
    [['batch_size'], ['learning_rate'], ['learning_rate']]
    """
    spelled = name.lower().replace("-", "_").strip("_")
    without_no = spelled.removeprefix("no").strip("_")
    return (
        [each for each in known if each == spelled]
        or [each for each in _ELSEWHERE.get(spelled, ()) if each in known][:1]
        or [each for each in known if "_" in each and _initials(each) == spelled]
        or [each for each in known if len(spelled) > 2 and each.startswith(spelled)]
        or difflib.get_close_matches(spelled, known, n=1, cutoff=0.7)
        or difflib.get_close_matches(without_no, known, n=1, cutoff=0.7)
    )


def _initials(name: str) -> str:
    return "".join(word[0] for word in name.split("_") if word)


def command_like(name: str, known: Iterable[str]) -> str:
    """The command that is most like a name, in words; empty if none is.

    Example:

    >>> command_like("trian", ["train", "export"])
    '; did you mean train?'
    """
    found = difflib.get_close_matches(name.lower(), list(known), n=1)
    return f"; did you mean {found[0]}?" if found else "."
