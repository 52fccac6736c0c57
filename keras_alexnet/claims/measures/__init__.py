"""What the experiments of claims measure: a module for each way to do so."""
