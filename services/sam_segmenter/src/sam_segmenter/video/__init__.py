"""Videos: frames, sessions, and objects followed from frame to frame."""
