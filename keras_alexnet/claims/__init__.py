"""The paper's claims, each as a small experiment that is rerun and judged."""
