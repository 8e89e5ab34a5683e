"""What a user of the command line can do wrong."""


class UserError(Exception):
    """The command cannot be carried out; the message is the one sentence that the user reads."""
