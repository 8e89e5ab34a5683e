"""Pictures on the caller's side: opened as they are displayed, and drawn on so that a person can judge a mask."""

from labelmesh.pictures.opening import PictureUnusable, open_picture
from labelmesh.pictures.overlay import Dot, Drawn, overlay

__all__ = ["Dot", "Drawn", "PictureUnusable", "open_picture", "overlay"]
