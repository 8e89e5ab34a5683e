"""Where the keys of secrets come from: the settings, or a file beside an SQLite database."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from sqlalchemy.engine import make_url

from qa_engine.webhooks.secret import Keys

SUFFIX = ".webhook-key"


def given_keys(webhook_keys: str) -> Keys:
    """The keys of the setting; raises ValueError for one that is too short."""
    return Keys(tuple(key.strip() for key in webhook_keys.split(",") if key.strip()))


def keys_of(webhook_keys: str, database_url: str) -> Keys:
    """The keys of the setting, separated by commas, the newest first; without one those of a file that is made beside
    an SQLite database, readable by its owner only; without such a database none.

    Raises ValueError for a key that is too short and OSError where the file cannot be used.
    """
    given = given_keys(webhook_keys)
    if given.keys:
        return given
    url = make_url(database_url)
    if url.drivername != "sqlite" or not url.database:
        return Keys(())
    path = Path(url.database + SUFFIX)
    with suppress(FileExistsError):
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        # A name of its own first: two processes that start together must not read half a key.
        draft = path.with_name(f"{path.name}.{os.getpid()}")
        with open(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
        try:
            os.link(draft, path)
        finally:
            draft.unlink()
    return Keys((path.read_text().strip(),))
