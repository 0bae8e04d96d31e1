"""The tools with which the emulator is corrected in memory, and that refuse to correct what is not there.

The corrections name private functions and pieces of text of one exact version of ministack. Should that version change, a correction that
silently does nothing would be worse than none: the tests above it would go on to prove things about an emulator that behaves otherwise.
So each tool checks first, and stops the start of the emulator with a sentence that says what was looked for and where.
"""

import importlib.metadata
import inspect
import textwrap

VERSION = "1.5.33"


class PatchError(Exception):
    """The installed emulator is not the one that the corrections were written for."""


def require_version():
    installed = importlib.metadata.version("ministack")
    if installed != VERSION:
        raise PatchError(
            f"ministack {installed} is installed, but the corrections in local/engine are for {VERSION}. "
            "Remove the engine's directory, so that it is installed again from requirements.txt."
        )


def _where(owner, name):
    return f"{getattr(owner, '__name__', owner)}.{name}"


def original(owner, name):
    """The function, class or table `name` of a module or class; PatchError where it is missing."""
    if not hasattr(owner, name):
        raise PatchError(f"{_where(owner, name)} does not exist in ministack {VERSION}: the correction of it must be written anew.")
    return getattr(owner, name)


def wrap(owner, name, make, relies_on=()):
    """Replaces a function by `make(function)`; `relies_on` lists texts that must be in its source, as the correction depends on them."""
    function = original(owner, name)
    source = inspect.getsource(function)
    for text in relies_on:
        if text not in source:
            raise PatchError(f"{_where(owner, name)} no longer contains {text!r}, on which its correction relies.")
    setattr(owner, name, make(function))


def set_value(owner, name, expected, value):
    """Replaces a constant, if it still is what it was when the correction was written."""
    found = original(owner, name)
    if found != expected:
        raise PatchError(f"{_where(owner, name)} is {found!r} and not {expected!r}: look whether the correction is still wanted.")
    setattr(owner, name, value)


def replace_text(text, where, *pairs):
    """`text` with each (old, new) pair replaced; every `old` must occur exactly once."""
    for old, new in pairs:
        count = text.count(old)
        if count != 1:
            raise PatchError(f"{where} contains {count} times (once was expected) the text {old!r}.")
        text = text.replace(old, new)
    return text


def rewrite(module, name, *pairs, cls=None):
    """Compiles a function again from its own source with pieces of text replaced.

    For corrections in the middle of a long function, where a wrapper would have to repeat all of it.
    """
    owner = cls if cls is not None else module
    source = textwrap.dedent(inspect.getsource(original(owner, name)))
    source = replace_text(source, _where(owner, name), *pairs)
    scope = {}
    exec(compile(source, f"<corrected {_where(owner, name)}>", "exec"), module.__dict__, scope)
    setattr(owner, name, scope[name])


def is_true(value):
    """A template's boolean, which may arrive as a string."""
    return value is True or str(value).lower() == "true"
