"""Pictures of a run and of its network, drawn with matplotlib, and reports of them.

matplotlib and Jinja come with the extra `seeing`: nothing else imports them, and this
package does not before it has something to draw.
"""

from keras_alexnet.seeing.looking import look

__all__ = ["look"]
