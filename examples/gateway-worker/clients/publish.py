# Publishes with Python's own library: API=http://127.0.0.1:8283 API_KEY=open-sesame python3 publish.py ROOM TEXT
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid


class ApiError(Exception):
    """What the API refused: `code` is for programs."""

    def __init__(self, status, error):
        super().__init__(error["message"])
        self.status = status
        self.code = error["code"]


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to another server."""

    def redirect_request(self, *_):
        return None


def call(path, body, tries=3):
    # The same key in each try: what was done already is not done again.
    request = urllib.request.Request(
        os.environ["API"] + path,
        data=json.dumps(body).encode(),
        headers={
            "Authorization": "Bearer " + os.environ["API_KEY"],
            "Content-Type": "application/json",
            "Idempotency-Key": str(uuid.uuid4()),
        },
    )
    opener = urllib.request.build_opener(NoRedirect)
    for left in reversed(range(tries)):
        try:
            with opener.open(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if left == 0 or error.code not in (429, 503):
                raise ApiError(error.code, json.load(error)["error"]) from None
            time.sleep(int(error.headers.get("Retry-After", "1")))
        except (urllib.error.URLError, TimeoutError):
            if left == 0:
                raise


room, text = sys.argv[1:3]
try:
    print(json.dumps(call("/publish", {"to": {"group": room}, "message": text})))
except ApiError as error:
    sys.exit(f"{error.status} {error.code}: {error}")
