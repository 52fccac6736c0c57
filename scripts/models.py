"""`keras-alexnet models` from a checkout; --help shows the flags."""

from keras_alexnet_command import main

if __name__ == "__main__":
    main("models")
