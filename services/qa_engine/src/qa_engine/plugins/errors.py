"""What can go wrong with customers' own rules.

QaError
├── PluginUnknown
├── PluginExists
├── PluginChanged
├── PluginsFull
├── PluginNameInvalid
├── ReplyRefused
├── DraftInvalid
├── DraftUnavailable
└── PluginFailed
    ├── PluginInvalid
    ├── PluginRaised
    ├── PluginTimedOut
    ├── PluginOutOfMemory
    ├── PluginTooDeep
    ├── PluginCrashed
    ├── PluginStopped
    ├── PluginInputTooLarge
    ├── PluginReplyTooLarge
    └── PluginReplyInvalid
"""

from qa_engine.errors import QaError


class PluginUnknown(QaError):
    """There is no such plugin."""


class PluginExists(QaError):
    """There is a plugin of that name already."""


class PluginChanged(QaError):
    """The plugin has changed since it was read; read it again."""


class PluginsFull(QaError):
    """The project has as many plugins as it may have."""


class PluginNameInvalid(QaError):
    """A plugin's name is 1 to 48 of a-z, 0-9 and _, starting with a letter."""


class ReplyRefused(QaError):
    """A part of a plugin's answer will not do.

    Its words are half a sentence without the asset's content; the plugin's name and line are put around them.
    """


class DraftInvalid(QaError):
    """The model's draft is no plugin that passes its own tests."""


class DraftUnavailable(QaError):
    """The model that drafts rules is not configured or does not answer."""


class PluginFailed(QaError):
    """The plugin failed."""

    def __init__(self, plugin: str, line: int, detail: str = "", kind: str = "") -> None:
        """`line` counts from 1, 0 where none is known; `detail` is half a sentence without content of assets.

        `kind` is the class of Python error behind it, empty where there is none.
        """
        self.plugin = plugin
        self.line = line
        self.detail = detail
        self.kind = kind
        said = (type(self).__doc__ or "").strip().removesuffix(".").removeprefix("The plugin ")
        where = f" at line {line}" if line else ""
        super().__init__(f'The plugin "{plugin}" {said}{where}{f": {detail}" if detail else ""}.')


class PluginInvalid(PluginFailed):
    """The plugin cannot be read."""


class PluginRaised(PluginFailed):
    """The plugin raised an error."""


class PluginTimedOut(PluginFailed):
    """The plugin took too long."""


class PluginOutOfMemory(PluginFailed):
    """The plugin took too much memory."""


class PluginTooDeep(PluginFailed):
    """The plugin called itself too often."""


class PluginCrashed(PluginFailed):
    """The plugin ended its worker."""


class PluginStopped(PluginFailed):
    """The plugin was not asked again after it failed too often."""


class PluginInputTooLarge(PluginFailed):
    """The plugin was not asked, because the label is too large to hand over."""


class PluginReplyTooLarge(PluginFailed):
    """The plugin answered more than is read."""


class PluginReplyInvalid(PluginFailed):
    """The plugin answered what is no finding and no operation."""
