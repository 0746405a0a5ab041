"""The networks of the ledger of parity, which lies in scripts/."""

from __future__ import annotations

import sys

from .paths import ROOT

SCRIPTS = ROOT / "scripts"


def ledger_kinds():
    """Return what writes a file of each kind of network in the ledger, by name; {} without its sources."""
    sys.path.insert(0, str(SCRIPTS))
    try:
        from ledger.kinds import KINDS
    except ImportError:
        return {}
    finally:
        sys.path.remove(str(SCRIPTS))
    return KINDS
