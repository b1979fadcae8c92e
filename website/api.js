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
	return call("/feedback", vote, null, (body) => isText(body?.id));
}

export function describeModel() {
	return call("/model", null, null, (body) => isText(body?.model));
}

async function call(route, message, signal, keepsToContract) {
	if (!navigator.onLine) throw unreachable();
	base ??= await loadApiUrl(signal);
	const patience = new AbortController();
	const timer = setTimeout(() => patience.abort(tooLong()), GIVE_UP_AFTER_MS);
	const either = AbortSignal.any([patience.signal, signal].filter(Boolean));
	let response, text;
	try {
		response = await fetch(base + route, {
			...(message && {
				method: "POST",
				headers: { "content-type": "application/json" },
				body: JSON.stringify(message),
			}),
			signal: either,
		});
		text = await response.text();
	} catch {
		either.throwIfAborted();
		throw unreachable();
	} finally {
		clearTimeout(timer);
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
	try {
		const response = await fetch("config.json", { cache: "no-cache", signal });
		if (!response.ok) throw new Error(`status ${response.status}`);
		const address = (await response.json())?.apiUrl;
		const { protocol, origin, pathname } = new URL(address, document.baseURI);
		if (!isText(address) || !/^https?:$/.test(protocol)) throw new Error("no usable apiUrl");
		// It may name the route for single reviews; the others are its siblings.
		return origin + pathname.replace(/(\/predict)?\/*$/, "");
	} catch (error) {
		signal?.throwIfAborted();
		throw new Failure(
			"This page does not know its API",
			"The file config.json beside this page should hold the API’s address. It is missing or cannot be used.",
			{ said: `config.json: ${error.message}`, again: 0 },
		);
	}
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

const isText = (value) => typeof value === "string" && value !== "";

function isVerdict(body) {
	const { sentiment, probability, unsure } = body ?? {};
	return (
		Number.isFinite(probability) &&
		probability >= 0 &&
		probability <= 1 &&
		sentiment === (probability >= 0.5 ? "positive" : "negative") &&
		typeof unsure === "boolean"
	);
}

function isExplained(body) {
	const { model, words, spans, cut } = body ?? {};
	return (
		isVerdict(body) &&
		isText(model) &&
		Array.isArray(words) &&
		words.every((word) => isText(word?.[0]) && Number.isFinite(word[1])) &&
		Array.isArray(spans) &&
		spans.length === words.length &&
		spans.every((span) => isPlace(span?.[0], span?.[1])) &&
		(cut === null || (isPlace(cut?.start, cut?.end) && Number.isFinite(cut.words)))
	);
}

function isPlace(start, end) {
	return Number.isInteger(start) && Number.isInteger(end) && 0 <= start && start <= end;
}

function isBatch(body, length) {
	return (
		isText(body?.model) &&
		Array.isArray(body.predictions) &&
		body.predictions.length === length &&
		body.predictions.every((row) => isVerdict(row) || isText(row?.error?.message))
	);
}
