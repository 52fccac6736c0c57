"""Which kinds of hostile cases there are, and how many of each are a round."""

# Files of weights, which `test_weights_files.py` tests.
OF_WEIGHTS = {
    "hostile_pickles": 200,
    "hostile_keras_files": 200,
    "hostile_other_weights": 200,
    "hostile_checkpoints": 150,
}
# What `test_generated.py` tests.
OTHERS = {
    "hostile_runs": 200,
    "hostile_records": 60,
    "hostile_servers": 160,
    "hostile_downloads": 160,
}
COUNTS = OF_WEIGHTS | OTHERS
