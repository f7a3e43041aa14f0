"""Models behind an HTTP API: every server that speaks the OpenAI chat API.

Asking with retries and a budget, keeping answers and reading them have a file each.
"""

__all__: list[str] = []
