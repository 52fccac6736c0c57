"""What a worker process does to pictures, with NumPy and Pillow alone.

A worker runs this folder as a package of its own (`python -m pixel_worker.serve`):
as a part of `keras_alexnet` it would import TensorFlow, which takes each process
seconds and hundreds of megabytes. Hence the relative imports, and nothing but
numbers, bytes and text in what is sent.
"""
