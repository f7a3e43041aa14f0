"""A server of the chat API for tests: it answers at once, and misbehaves as it is told to."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PROBE = "1"


@dataclass(frozen=True)
class Misbehave:
    """What is done in place of an answer: a ``status`` with ``headers``, or one of the ``kinds`` hang, half,
    not json, other json, other model."""

    kind: str = ""
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: str = '{"error": {"message": "no"}}'


@dataclass
class Stub:
    """``faults`` are taken, one a request, by a piece of the prompt. ``say`` answers a prompt; ``tops`` are
    the log-probabilities of the first token. ``answered`` counts whole answers by prompt, ``tokens`` what
    they took; ``asked`` are the moments of all requests by prompt, without the one for the server's name."""

    model: str = "stub-1"
    fingerprint: str | None = "fp-1"
    say: Callable[[str], str] = lambda prompt: "yes"  # noqa: ARG005
    tops: Callable[[str], dict[str, float]] | None = None
    refuses_logprobs: bool = False
    faults: dict[str, list[Misbehave]] = field(default_factory=dict)
    delay_s: float = 0.0
    hang_s: float = 3.0
    answered: Counter[str] = field(default_factory=Counter)
    asked: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    seen: list[dict[str, Any]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    probes: int = 0
    tokens: int = 0
    at_once: int = 0
    most_at_once: int = 0
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, prompt: str) -> Misbehave | None:
        for piece, left in self.faults.items():
            if piece in prompt and left:
                return left.pop(0)
        return None

    def answer(self, body: dict[str, Any], prompt: str, model: str) -> dict[str, Any]:
        text = self.say(prompt)
        used = len(prompt.split()), len(text.split())
        choice: dict[str, Any] = {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": text},
        }
        if body.get("logprobs") and self.tops is not None:
            tops = [{"token": t, "logprob": p, "bytes": None} for t, p in self.tops(prompt).items()]
            first = {"token": "x", "logprob": 0.0, "bytes": None, "top_logprobs": tops}
            choice["logprobs"] = {"content": [first], "refusal": None}
        if prompt != PROBE:
            self.answered[prompt] += 1
            self.tokens += sum(used)
        return {
            "id": "a",
            "object": "chat.completion",
            "created": 1,
            "model": model,
            "system_fingerprint": self.fingerprint,
            "choices": [choice],
            "usage": {
                "prompt_tokens": used[0],
                "completion_tokens": used[1],
                "total_tokens": sum(used),
                "prompt_tokens_details": {"cached_tokens": used[0] // 2},
            },
        }


def _handler(stub: Stub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None: ...

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            body = json.loads(content)
            prompt = body["messages"][0]["content"]
            with stub.lock:
                stub.keys.add(self.headers.get("Authorization", ""))
                stub.seen.append(body)
                stub.at_once += 1
                stub.most_at_once = max(stub.most_at_once, stub.at_once)
                if prompt == PROBE:
                    stub.probes += 1
                else:
                    stub.asked[prompt].append(time.monotonic())
                fault = None if prompt == PROBE else stub.fault(prompt)
            try:
                self.reply(body, prompt, fault)
            except (BrokenPipeError, ConnectionResetError):
                pass
            finally:
                with stub.lock:
                    stub.at_once -= 1

        def reply(self, body: dict[str, Any], prompt: str, fault: Misbehave | None) -> None:
            if stub.delay_s and prompt != PROBE:
                time.sleep(stub.delay_s)
            kind = fault.kind if fault is not None else ""
            if kind == "hang":
                time.sleep(stub.hang_s)
                return
            if fault is not None and fault.status:
                self.send(fault.status, fault.body.encode(), fault.headers)
                return
            if stub.refuses_logprobs and body.get("logprobs"):
                self.send(400, b'{"error": {"message": "logprobs are not supported"}}', {})
                return
            if kind == "not json":
                self.send(200, b"{this is no JSON", {})
                return
            if kind == "other json":
                self.send(200, b'{"choices": []}', {})
                return
            if kind == "half":
                self.send(200, b'{"id": "a", "choi', {}, length=4000)
                self.close_connection = True
                return
            with stub.lock:
                plain = stub.answer(body, prompt, "another" if kind == "other model" else stub.model)
            self.send(200, json.dumps(plain).encode(), {})

        def send(self, status: int, content: bytes, more: dict[str, str], length: int | None = None) -> None:
            self.send_response(status)
            headers = {"Content-Type": "application/json", "Content-Length": str(length or len(content))}
            for name, value in (headers | more).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

    return Handler


@contextmanager
def serving(stub: Stub) -> Iterator[Stub]:
    """The stub on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(stub))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
