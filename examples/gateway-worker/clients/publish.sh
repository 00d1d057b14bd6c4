#!/bin/sh
# Publishes by curl: API=http://127.0.0.1:8283 API_KEY=open-sesame sh publish.sh ROOM TEXT
# TEXT stands between quotes of JSON, so it has none of its own, and no backslash.
set -eu

curl --fail-with-body --silent --show-error --max-time 10 --retry 3 \
  --header "Authorization: Bearer $API_KEY" \
  --header "Idempotency-Key: $(cat /proc/sys/kernel/random/uuid)" \
  --data "{\"to\":{\"group\":\"$1\"},\"message\":\"$2\"}" \
  "$API/publish"
