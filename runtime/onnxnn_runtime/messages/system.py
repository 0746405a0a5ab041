"""Why the operating system refused something, in the language of the user."""

from __future__ import annotations

import errno

from .catalogue import gettext, gettext_noop, language

_REASONS = {
    errno.EACCES: gettext_noop("Permission denied"),
    errno.EBUSY: gettext_noop("Device or resource busy"),
    errno.EEXIST: gettext_noop("File exists"),
    errno.EINVAL: gettext_noop("Invalid argument"),
    errno.EIO: gettext_noop("Input/output error"),
    errno.EISDIR: gettext_noop("Is a directory"),
    errno.ELOOP: gettext_noop("Too many levels of symbolic links"),
    errno.EMFILE: gettext_noop("Too many open files"),
    errno.ENAMETOOLONG: gettext_noop("File name too long"),
    errno.ENFILE: gettext_noop("Too many open files in system"),
    errno.ENOENT: gettext_noop("No such file or directory"),
    errno.ENOSPC: gettext_noop("No space left on device"),
    errno.ENOTDIR: gettext_noop("Not a directory"),
    errno.EPERM: gettext_noop("Operation not permitted"),
    errno.EROFS: gettext_noop("Read-only file system"),
}


def system_reason(error: BaseException) -> str:
    """Return the reason of an error of the system: its own words, or their translation.

    Args:
        error: What was raised; of one that is not the system's, its text.
    """
    number = getattr(error, "errno", None)
    if number in _REASONS and language() != "en":
        return gettext(_REASONS[number])
    return str(getattr(error, "strerror", None) or error)
