"""Asks a served returns desk about a photo: python ask.py http://127.0.0.1:8000/v1 photo.jpg ACCOUNT

Only the standard library, so that the request is to be seen; the official openai client sends the same.
"""

from __future__ import annotations

import base64
import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

WAIT = 120
"""Seconds that a server may take to start."""


def wait_for_models(url: str) -> dict[str, Any]:
    given_up = time.monotonic() + WAIT
    while True:
        try:
            with urllib.request.urlopen(f"{url}/models") as response:
                return json.load(response)
        except urllib.error.HTTPError:
            raise
        except OSError:
            if time.monotonic() > given_up:
                raise
            time.sleep(0.5)


def main() -> None:
    url, photo, account = sys.argv[1:]
    data = base64.b64encode(Path(photo).read_bytes()).decode()
    model = wait_for_models(url)["data"][0]["id"]
    content = [
        {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}},
        {"type": "text", "text": f"Policy Returns-Desk, account {account}: what is the response to this image?"},
    ]
    body = {"model": model, "messages": [{"role": "user", "content": content}]}
    request = urllib.request.Request(
        f"{url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:
        print(json.load(response)["choices"][0]["message"]["content"])


if __name__ == "__main__":
    main()
