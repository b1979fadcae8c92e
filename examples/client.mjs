// A small client of the API for browsers and Node 18 or newer; nothing to install.
//
//   import { Sentiment } from "./client.mjs";
//   await new Sentiment("https://api.example.com").predict("What a wonderful film!");
//
// or: node client.mjs https://api.example.com "What a wonderful film!"
//
// From a page the API lets only the page of its own stack call it (CORS).

export class SentimentError extends Error {
  constructor(status, error) {
    super(`${error.message} (${status} ${error.code}, request ${error.requestId})`);
    Object.assign(this, { status, code: error.code, requestId: error.requestId });
  }
}

export class Sentiment {
  /** @param {string} url @param {number} patience seconds for which a throttled or waking model is asked again */
  constructor(url, patience = 120) {
    this.url = url.replace(/\/+$/, "");
    this.patience = patience;
  }

  /** The verdict on a review: {sentiment, probability, unsure, model} and, explained, {words, spans, cut}. */
  predict(review, { explain = true, signal } = {}) {
    return this.#call(`/predict?explain=${explain}`, { review }, signal);
  }

  /** Predictions for up to 100 reviews, in their order; {error} in the place of one that cannot be read. */
  async predictBatch(reviews, { signal } = {}) {
    return (await this.#call("/predict/batch", { reviews }, signal)).predictions;
  }

  /** Tells the API whether its verdict was right. */
  vote(review, { sentiment, probability, model }, right) {
    return this.#call("/feedback", { review, sentiment, probability, model, vote: right ? "up" : "down" });
  }

  /** Has the API delete a vote, within 30 days after it was given. */
  takeBack(id) {
    return this.#call(`/feedback/${id}`, undefined, undefined, "DELETE");
  }

  async #call(path, content, signal, method = "POST") {
    const giveUp = Date.now() + this.patience * 1000;
    for (;;) {
      const answer = await fetch(this.url + path, {
        method,
        headers: { "content-type": "application/json" },
        body: JSON.stringify(content),
        signal,
      });
      if (answer.ok) return answer.json();
      // The API gives seconds; what stands before it may give a date.
      const wait = 1000 * (Number(answer.headers.get("retry-after")) || 1);
      if (![429, 503].includes(answer.status) || Date.now() + wait > giveUp) {
        const body = await answer.json().catch(() => null);
        const unknown = { code: "unknown", message: body?.message ?? answer.statusText };
        throw new SentimentError(answer.status, body?.error ?? unknown);
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

if (globalThis.process?.argv[1]?.endsWith("client.mjs")) {
  const [url, review] = process.argv.slice(2);
  if (!review) {
    console.error("usage: node client.mjs API-ADDRESS REVIEW");
    process.exit(2);
  }
  try {
    const { sentiment, probability, words } = await new Sentiment(url).predict(review);
    console.log(`${sentiment} (${(100 * probability).toFixed(1)} % positive)`);
    for (const [word, weight] of words) console.log(`${weight.toFixed(3).padStart(8)}  ${word}`);
  } catch (error) {
    console.error(`error: ${error.message}${error.cause ? `: ${error.cause.message}` : ""}`);
    process.exitCode = 1;
  }
}
