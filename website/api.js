// The prediction API as the page sees it: a review in, a verdict that keeps to the contract out, or a Failure.

// As the API counts: in Unicode code points. Longer reviews are refused there with 413.
export const MAX_REVIEW_CHARACTERS = 20_000;

/** Why there is no verdict, in words for the person who waits for one. */
export class Failure extends Error {
  /**
   * @param {string} headline what happened, in a few words
   * @param {string} advice what that means and what to do about it
   * @param {{said?: string, requestId?: string}} [reference] the API's own words, and the id its log knows it by
   */
  constructor(headline, advice, { said, requestId } = {}) {
    super(headline);
    Object.assign(this, { headline, advice, said, requestId });
  }
}

const SHORT_OF_A_VERDICT = {
  400: ["The API could not read this review", "Change the text a little and send it again."],
  413: ["This review is too long", "Shorten it and send it again."],
  415: ["The API does not take this kind of text", "The page and the API do not fit together; the page may be out of date."],
  429: ["Too many reviews at once", "The API limits how many it takes."],
  500: ["Something broke on the server", "It is not your review’s fault. Try again later."],
  502: ["The model failed on this review", "It was asked, but came back with an error. Try again."],
  503: ["The model is not ready", "It may be asleep and waking up, which can take a minute."],
  504: ["The model took too long", "It may have been asleep. It should be faster the next time you ask."],
};

/** The API's address, from the `config.json` that the deployment puts beside this page. Throws Failure. */
export async function loadApiUrl(signal) {
  const advice =
    "The deployment puts a file config.json with the API’s address beside this page. It is missing or cannot be used, " +
    "so no review can be judged.";
  let config;
  try {
    const response = await fetch("config.json", { cache: "no-cache", signal });
    if (!response.ok) throw new Error(`status ${response.status}`);
    config = await response.json();
  } catch (error) {
    signal?.throwIfAborted();
    throw new Failure("This page does not know its API", advice, { said: `config.json: ${error.message}` });
  }
  if (!/^https?:/.test(config?.apiUrl) || !URL.canParse(config.apiUrl)) {
    throw new Failure("This page does not know its API", advice, { said: "config.json: no usable apiUrl" });
  }
  return config.apiUrl.replace(/\/+$/, "");
}

/**
 * The model's verdict on one review: {sentiment, probability (of positive), words: [[word, weight], ...], model}.
 * Throws Failure; when `signal` aborts, its reason.
 */
export async function predict(apiUrl, review, signal) {
  let response, text;
  try {
    response = await fetch(`${apiUrl}/predict`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ review }),
      signal,
    });
    text = await response.text();
  } catch {
    signal.throwIfAborted();
    throw unreachable();
  }
  const body = parsed(text);
  if (!response.ok) throw refused(response, body);
  if (!isVerdict(body)) {
    throw new Failure(
      "The API’s answer makes no sense",
      "It is not a verdict as this page knows it; the page may be out of date. Reload it and try again.",
      { requestId: requestIdOf(response) },
    );
  }
  return body;
}

function unreachable() {
  return navigator.onLine
    ? new Failure("The API cannot be reached", "No answer came back. Check your connection, or try again in a while.")
    : new Failure("You are offline", "Connect to the network and send the review again.");
}

/** The failure that an HTTP error stands for, whether the API, its gateway or something in between sent it. */
function refused(response, body) {
  const [headline, advice] = SHORT_OF_A_VERDICT[response.status] ?? [
    `The API answered with status ${response.status}`,
    "This page does not know what that means. Try again later.",
  ];
  const wait = secondsToWait(response.headers.get("retry-after"));
  const again = wait === null ? "Try again in a while." : `Try again in ${duration(wait)}.`;
  return new Failure(headline, response.status === 429 || response.status === 503 ? `${advice} ${again}` : advice, {
    // API Gateway's own errors are {"message": ...}.
    said: textOrNothing(body?.error?.message ?? body?.message),
    requestId: textOrNothing(body?.error?.requestId) ?? requestIdOf(response),
  });
}

/** API Gateway's id for the request, where its CORS settings let the page see it. */
function requestIdOf(response) {
  return response.headers.get("apigw-requestid") ?? undefined;
}

/** Seconds from a Retry-After header, which holds a number or a date (RFC 9110, 10.2.3); null without a usable one. */
function secondsToWait(retryAfter) {
  if (!retryAfter) return null;
  const seconds = /^\d+$/.test(retryAfter) ? Number(retryAfter) : (Date.parse(retryAfter) - Date.now()) / 1000;
  return Number.isFinite(seconds) ? Math.max(1, Math.ceil(seconds)) : null;
}

function duration(seconds) {
  const [count, unit] = seconds < 100 ? [seconds, "second"] : [Math.ceil(seconds / 60), "minute"];
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function textOrNothing(value) {
  return typeof value === "string" && value ? value : undefined;
}

function isVerdict(body) {
  return (
    Number.isFinite(body?.probability) &&
    body.probability >= 0 &&
    body.probability <= 1 &&
    body.sentiment === (body.probability >= 0.5 ? "positive" : "negative") &&
    typeof body.model === "string" &&
    Array.isArray(body.words) &&
    body.words.every((entry) => Array.isArray(entry) && typeof entry[0] === "string" && Number.isFinite(entry[1]))
  );
}
