"""Imports that Invoke makes for what no command here uses, put off until somebody does.

Invoke takes unittest.mock (and with it asyncio) for a context that tests run in, importlib.metadata (and with it email
and zipfile) for its own version, and its YAML for configuration files, of which there are none but a user's own.
Together they are more than half of its start: docs/decisions/0032-an-entry-of-our-own.md.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType
from typing import Any

_AT_FIRST_USE = frozenset({"invoke.vendor.yaml"})
"""Modules that Invoke uses by attribute only, so that they can be loaded when one is asked for."""


def _mock(*arguments: Any, **keywords: Any) -> Any:
    """The real Mock, for whoever makes one."""
    from unittest.mock import Mock

    return Mock(*arguments, **keywords)


def _version(distribution: str) -> str:
    """No version: none of Invoke's own is ever shown here."""
    return f"{distribution}, unread"


_STAND_INS = {"unittest.mock": {"Mock": _mock}, "importlib.metadata": {"version": _version}}
"""What Invoke takes out of modules while it is imported, and what it gets instead."""


class AttributeFinder:
    """Finds the modules that are loaded at first use."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The ordinary module, with a loader that waits."""
        found = PathFinder.find_spec(name, path, target) if name in _AT_FIRST_USE else None
        if found is not None and found.loader is not None:
            found.loader = LazyLoader(found.loader)
        return found


@contextmanager
def deferred() -> Iterator[None]:
    """Import Invoke in here. Afterwards everybody gets the real modules again."""
    stand_ins = {name: _stand_in(name) for name in _STAND_INS if name not in sys.modules}
    sys.modules.update(stand_ins)
    sys.meta_path.insert(0, AttributeFinder)
    try:
        yield
    finally:
        sys.meta_path.remove(AttributeFinder)
        for name in stand_ins:
            del sys.modules[name]


def _stand_in(name: str) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(_STAND_INS[name])
    return module
