#!/usr/bin/env bash
# Checks a webhook message: WEBHOOK_SECRET=whsec_… verify.sh ID TIMESTAMP SIGNATURES < BODY
# The three are the headers webhook-id, webhook-timestamp and webhook-signature. Ends with 0 when the message is genuine.
set -euo pipefail

id=$1 timestamp=$2 signatures=$3
age=$(($(date +%s) - timestamp))
((age < 300 && age > -300)) || { echo 'too old' >&2; exit 1; }
key=$(printf %s "${WEBHOOK_SECRET#whsec_}" | base64 -d | od -An -v -tx1 | tr -d ' \n')
expected=v1,$({ printf '%s.%s.' "$id" "$timestamp"; cat; } |
    openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64)
for signature in $signatures; do
    if [[ $signature == "$expected" ]]; then exit 0; fi
done
echo 'not signed with this secret' >&2
exit 1
