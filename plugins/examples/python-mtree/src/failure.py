"""How the work of a plugin fails."""


class Diagnostic(Exception):
    """What the user can mend: a terse summary, a sentence on the cause, one on
    what to do, and the configuration it is about, from the top."""

    def __init__(self, summary, detail, remedy, path):
        super().__init__(summary)
        self.summary, self.detail, self.remedy, self.path = summary, detail, remedy, path


class Cancelled(Exception):
    """The call was cancelled."""
