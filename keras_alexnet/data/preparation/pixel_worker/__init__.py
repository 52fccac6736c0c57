"""What a worker process does to pictures, with NumPy and Pillow alone.

A worker runs this folder as its own package (`python -m pixel_worker.serve`). As a part
of `keras_alexnet` it would import TensorFlow, which takes seconds and hundreds of
megabytes in each process. So imports here are relative, and only arrays, numbers, bytes
and text are sent.
"""
