// Why there is no verdict, in words for the person who waits for one.

import { isText, plural } from "./dom.js";

export class Failure extends Error {
	/**
	 * What happened, and what to do about it. `more` may hold `status`, `code` and `said` (the API's own words),
	 * `requestId` and `again` (seconds after which another try makes sense; 0 where the API has named none).
	 */
	constructor(headline, advice, more = {}) {
		super(headline);
		Object.assign(this, { headline, advice }, more);
	}
}

// Status or code: what happened, what to do, and the seconds to wait where the API names none.
const UNFIT = "Page and API versions don’t match: reload the page.";
const UNKNOWN = ["The API does not know this request", UNFIT];
const SHORT_OF_A_VERDICT = {
	400: ["The API could not read this review", "Change the text a little and send it again."],
	404: UNKNOWN,
	405: UNKNOWN,
	413: ["This review is too long", "Shorten it and send it again."],
	415: ["The API does not take this kind of text", UNFIT],
	429: ["Too many reviews at once", "The API limits how many it takes.", 2],
	500: ["Something broke on the server", "It is not your review’s fault. Try again later.", 0],
	502: ["The model failed on this review", "It came back with an error. Try again.", 0],
	503: ["The model is not ready", "Something that it needs is away.", 0],
	504: ["The model took too long", "It may have been asleep. Ask again.", 0],
	no_model: ["There is no model yet", "One has to be trained and deployed before this page can judge.", 0],
	waking: ["The model is still waking up", "That may take a minute.", 0],
	overloaded: ["The API is overloaded", "It had no room for this review.", 2],
	broken: ["The model is broken", "It cannot be started until someone repairs it.", 0],
};

/** Whether it passes by itself, so that the page may try again. */
export const passes = ({ code, again }) => again && code !== "no_model" && code !== "broken";

/** The failure that an HTTP error stands for. */
export function refused(response, body) {
	const { status, headers } = response;
	// API Gateway's own errors are {"message": ...}; of them, a 503 says that the function had no room.
	const code = body?.error?.code ?? (status === 503 && isText(body?.message) ? "overloaded" : undefined);
	const [headline, advice, least] = SHORT_OF_A_VERDICT[code] ?? SHORT_OF_A_VERDICT[status] ?? [
		`The API answered with status ${status}`,
		"This page does not know what that means. Try again later.",
		status < 500 ? undefined : 0,
	];
	const wait = Math.max(0, Math.ceil(headers.get("retry-after"))) || least;
	return new Failure(headline, wait ? `${advice} Try again in ${duration(wait)}.` : advice, {
		status,
		code,
		said: [body?.error?.message, body?.message].find((text) => isText(text) && text !== `${headline}.`),
		requestId: [body?.error?.requestId, requestIdOf(response)].find(isText),
		again: wait,
	});
}

export const requestIdOf = (response) => response.headers.get("apigw-requestid");

export function unreachable() {
	const [headline, advice] = navigator.onLine
		? ["The API cannot be reached", "No answer came back. Check your connection, or try again in a while."]
		: ["You’re offline", "Reconnect and send the review again."];
	return new Failure(headline, advice, { again: 0 });
}

/** Whatever an `await` may throw, as a Failure. */
export function asFailure(error) {
	if (error instanceof Failure) return error;
	console.error(error);
	return new Failure("The page itself failed", "Reload it and try again.", { said: String(error) });
}

const duration = (seconds) => (seconds < 100 ? plural(seconds, "second") : plural(Math.ceil(seconds / 60), "minute"));
