"""Charts of a project as one PNG; only this package knows the drawing library, and only when it draws."""
