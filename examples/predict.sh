#!/bin/sh
# Every route of the API by curl: examples/predict.sh https://api.example.com ["A review"]
set -eu
api=${1:?"usage: $0 API-ADDRESS [REVIEW]"}
review=${2:-What a wonderful film!}

# -f fails on an error, --retry waits as long as Retry-After says: a sleeping model takes up to a minute to wake.
call() { curl -sS --fail-with-body --retry 20 --retry-max-time 120 "$@"; echo; }

echo "Is the model ready?"
call "$api/health"

echo "Which model is it?"
call "$api/model"

# --data-raw: a review that begins with @ is no name of a file.
echo "Positive or negative? A text goes as it is ..."
call -H 'content-type: text/plain; charset=utf-8' --data-raw "$review" "$api/predict"

echo "... or as JSON; without the words that moved the verdict it comes sooner"
call -H 'content-type: application/json' -d '{"review": "A waste of two hours."}' "$api/predict?explain=false"

echo "Several at once"
call -H 'content-type: application/json' -d '{"reviews": ["Great fun.", "", "Dull."]}' "$api/predict/batch"

echo "The first verdict was right"
vote=$(call -H 'content-type: application/json' "$api/feedback" \
  -d '{"review": "Great fun.", "sentiment": "positive", "probability": 0.9, "model": "example", "vote": "up"}')
echo "$vote"

echo "How many votes has it got?"
call "$api/feedback"

echo "Take that vote back"
call -X DELETE "$api/feedback/$(echo "$vote" | sed 's/.*"id": *"\([^"]*\)".*/\1/')"
