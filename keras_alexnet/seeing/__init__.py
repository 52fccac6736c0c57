"""Pictures of a run and of its network, drawn with matplotlib.

matplotlib comes with the extra `seeing`: nothing else imports it, and nothing imports
this package before it has something to draw.
"""
