"""Every error a user can meet, in one tree, so that commands and HTTP answers map it in one place.

LevensloopError
├── UsageError                  a wrong option or a file that is not there            exit 2
├── UnreadableDataError         a file that cannot be read as what it should be       exit 10
├── PartlyReadError             read, but some rows were left out and reported        exit 11
├── GateBlockedError            a release gate says no                                exit 12
├── NoReleaseError              no trained or promoted release to work with           exit 13
├── PermissionRefusedError      the customer does not allow this                      exit 20
├── StoreUnavailableError       the permission store or the trail cannot be reached   exit 21
└── IntegrityError              a signature, hash or chain does not verify            exit 30

Messages say what happened, what was expected and what to do next; they never carry the content of a booking.
"""


class LevensloopError(Exception):
    """Root of the tree. `exit_code` is the process exit code of the command that raises it."""

    exit_code = 1


class UsageError(LevensloopError):
    """The command or call cannot work as asked."""

    exit_code = 2


class UnreadableDataError(LevensloopError):
    """A file is not what it should be."""

    exit_code = 10


class PartlyReadError(LevensloopError):
    """Some rows were left out and reported; the rest was written."""

    exit_code = 11


class GateBlockedError(LevensloopError):
    """A gate in front of promotion refuses; the message lists every reason."""

    exit_code = 12


class NoReleaseError(LevensloopError):
    """There is no release or candidate to work with."""

    exit_code = 13


class PermissionRefusedError(LevensloopError):
    """The customer does not allow this purpose, or it needs no permission and cannot be asked."""

    exit_code = 20


class StoreUnavailableError(LevensloopError):
    """The permission store or the trail cannot be read or written; nothing is answered."""

    exit_code = 21


class IntegrityError(LevensloopError):
    """Something signed, hashed or chained does not verify."""

    exit_code = 30
