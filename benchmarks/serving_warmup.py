"""How long a server's first request takes.

python benchmarks/serving_warmup.py EXPORT [--cold]

In a fresh process: loads the export, replays the requests in its `assets.extra` as
TensorFlow Serving does (not with `--cold`), classifies one JPEG file, and then twenty
times more. Prints the milliseconds of the first request and the median of the others.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from servables import Servable, jpegs
from tensorflow_serving.apis import prediction_log_pb2

REQUESTS = "assets.extra/tf_serving_warmup_requests"
_LATER = 20


def warm_up(servable: Servable, export: Path) -> None:
    for record in tf.data.TFRecordDataset(str(export / REQUESTS)):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        inputs = {
            name: tf.make_ndarray(value) for name, value in request.inputs.items()
        }
        servable(request.model_spec.signature_name, **inputs)


def milliseconds(servable: Servable, files: np.ndarray) -> float:
    began = time.perf_counter()
    servable("classify_bytes", image_bytes=files)
    return 1e3 * (time.perf_counter() - began)


def main() -> None:
    export, cold = Path(sys.argv[1]), "--cold" in sys.argv[2:]
    servable, files = Servable(export), jpegs(1)
    if not cold:
        warm_up(servable, export)
    first = milliseconds(servable, files)
    later = [milliseconds(servable, files) for _ in range(_LATER)]
    print(first, float(np.median(later)))


if __name__ == "__main__":
    main()
