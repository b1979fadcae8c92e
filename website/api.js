// The API of infra/openapi.yaml. No answer is shown that does not keep to it; whatever goes wrong is a Failure. When a
// `signal` aborts, its reason is thrown.

import { Failure, refused, requestIdOf, unreachable } from "./failure.js";

/** What the API takes; characters are Unicode code points. GET /model may name other limits. */
export const LIMITS = { characters: 20_000, bytes: 240_000, reviews: 100 };

// The gateway gives up after 30 seconds; whoever has said nothing by now is not going to.
const GIVE_UP_AFTER_MS = 60_000;

let base = null;

export function predict(review, signal) {
	return call("/predict", { review }, signal, isExplained);
}

export function predictBatch(reviews, signal) {
	return call("/predict/batch", { reviews }, signal, (body) => isBatch(body, reviews.length));
}

export function sendFeedback(vote) {
	return call("/feedback", vote, null, (body) => typeof body?.id === "string");
}

export function describeModel() {
	return call("/model", null, null, (body) => typeof body?.model === "string");
}

async function call(route, message, signal, keepsToContract) {
	if (!navigator.onLine) throw unreachable();
	base ??= await loadApiUrl(signal);
	const attempt = new AbortController();
	const pass = () => attempt.abort(signal.reason);
	signal?.addEventListener("abort", pass, { once: true });
	const timer = setTimeout(() => attempt.abort(tooLong()), GIVE_UP_AFTER_MS);
	let response, text;
	try {
		response = await fetch(base + route, {
			...(message && {
				method: "POST",
				headers: { "content-type": "application/json" },
				body: JSON.stringify(message),
			}),
			signal: attempt.signal,
		});
		text = await response.text();
	} catch {
		attempt.signal.throwIfAborted();
		throw unreachable();
	} finally {
		clearTimeout(timer);
		signal?.removeEventListener("abort", pass);
	}
	const body = parsed(text);
	if (!response.ok) throw refused(response, body);
	if (!keepsToContract(body)) {
		throw new Failure(
			"The API’s answer makes no sense",
			"It is not one that this page knows; the page may be out of date. Reload it and try again.",
			{ requestId: requestIdOf(response), again: 0 },
		);
	}
	return body;
}

/** The API's base address, from the `config.json` that the deployment puts beside this page; it may be relative. */
async function loadApiUrl(signal) {
	const unknown = (said) =>
		new Failure(
			"This page does not know its API",
			"The file config.json beside this page should hold the API’s address. It is missing or cannot be used.",
			{ said: `config.json: ${said}`, again: 0 },
		);
	let config;
	try {
		const response = await fetch("config.json", { cache: "no-cache", signal });
		if (!response.ok) throw new Error(`status ${response.status}`);
		config = await response.json();
	} catch (error) {
		signal?.throwIfAborted();
		throw unknown(error.message);
	}
	const address = config?.apiUrl;
	if (typeof address !== "string" || !address || !URL.canParse(address, document.baseURI)) throw unknown("no usable apiUrl");
	const { protocol, origin, pathname } = new URL(address, document.baseURI);
	if (!/^https?:$/.test(protocol)) throw unknown("no usable apiUrl");
	// It may name the route for single reviews; the others are its siblings.
	return origin + pathname.replace(/\/+$/, "").replace(/\/predict$/, "");
}

function tooLong() {
	const advice = "The page has stopped waiting. Try again: the model may be awake by now.";
	return new Failure("No answer for a minute", advice, { again: 0 });
}

function parsed(text) {
	try {
		return JSON.parse(text);
	} catch {
		return null;
	}
}

function isVerdict(body) {
	return (
		Number.isFinite(body?.probability) &&
		body.probability >= 0 &&
		body.probability <= 1 &&
		body.sentiment === (body.probability >= 0.5 ? "positive" : "negative") &&
		typeof body.unsure === "boolean"
	);
}

function isExplained(body) {
	return (
		isVerdict(body) &&
		typeof body.model === "string" &&
		Array.isArray(body.words) &&
		body.words.every((entry) => Array.isArray(entry) && typeof entry[0] === "string" && Number.isFinite(entry[1])) &&
		Array.isArray(body.spans) &&
		body.spans.length === body.words.length &&
		body.spans.every((span) => Array.isArray(span) && isPlace(...span)) &&
		(body.cut === null || (isPlace(body.cut?.start, body.cut?.end) && Number.isFinite(body.cut.words)))
	);
}

function isPlace(start, end) {
	return Number.isInteger(start) && Number.isInteger(end) && 0 <= start && start <= end;
}

function isBatch(body, length) {
	return (
		typeof body?.model === "string" &&
		Array.isArray(body.predictions) &&
		body.predictions.length === length &&
		body.predictions.every((row) => isVerdict(row) || typeof row?.error?.message === "string")
	);
}
