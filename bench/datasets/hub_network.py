"""Whether the Hugging Face hub can be asked at all: known within seconds, where its own client would
try again and again for minutes."""

from __future__ import annotations

import os
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request

from readbench.core.errors import BenchError

SECONDS = 5.0
"""How long the hub may take to answer one small question."""

_TRUE = {"1", "ON", "YES", "TRUE"}  # as huggingface_hub reads its switches


def is_offline() -> bool:
    """Whether the user said so: HF_HUB_OFFLINE, or HF_DATASETS_OFFLINE."""
    return any(
        os.environ.get(name, "").upper() in _TRUE for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")
    )


def check_hub(name: str) -> None:
    """Asks the hub (HF_ENDPOINT, through the proxies of the environment) for a dataset.

    Raises BenchError where it does not answer in ``SECONDS``, fails, or has no dataset of this name.
    """
    endpoint = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
    status, reason = _asked(f"{endpoint.rstrip('/')}/api/datasets/{urllib.parse.quote(name)}")
    if status == 404:
        raise BenchError(
            f"no dataset {name} on {endpoint}",
            where=f"hub:{name}",
            todo="spell it as the hub does: hub:OWNER/NAME",
        )
    if status is None or status >= 500:
        raise BenchError(
            f"{endpoint} cannot be reached: {reason}",
            where=f"hub:{name}",
            todo="connect, set HF_HUB_OFFLINE=1 to read what was downloaded before, or give a downloaded "
            "folder: hub:FOLDER",
        )


def _asked(url: str) -> tuple[int | None, str]:
    """Status and reason of the answer; no status where there is none in time."""
    answers: list[tuple[int | None, str]] = []
    # Looking up a name has no time limit of its own, so the question waits in a thread.
    thread = threading.Thread(target=lambda: answers.append(_answer(url)), daemon=True)
    thread.start()
    thread.join(SECONDS)
    return answers[0] if answers else (None, f"no answer within {SECONDS:.0f} s")


def _answer(url: str) -> tuple[int | None, str]:
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as response:
            return response.status, response.reason
    except urllib.error.HTTPError as error:
        return error.code, f"{error.code} {error.reason}"
    except Exception as error:
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, ssl.SSLCertVerificationError):
            # It is there. The hub's client brings certificates of its own, which may do better.
            return 200, str(reason)
        return None, " ".join(str(reason).split()) or type(reason).__name__
