// The API of infra/openapi.yaml. No answer is shown that does not keep to it; whatever goes wrong is a Failure. When a
// `signal` aborts, its reason is thrown.

import { isText } from "./dom.js";
import { Failure, refused, requestIdOf, unreachable } from "./failure.js";

/** What the API takes; characters are Unicode code points. GET /model may name other limits. */
export const LIMITS = { characters: 20_000, bytes: 240_000, reviews: 100 };

// The gateway gives up after 30 seconds; whoever has said nothing by now is not going to.
const GIVE_UP_AFTER_MS = 60_000;

let base = null;

/** The address of a route, once the API has been asked; null before. */
export const addressOf = (route) => base && base + route;

/** `model` names one of two that answer; without, the API decides. */
export function predict(review, signal, model) {
	return call(model ? `/predict?model=${encodeURIComponent(model)}` : "/predict", { review }, signal, isExplained);
}

export function predictBatch(reviews, signal) {
	const isRow = (row) => isVerdict(row) || isText(row?.error?.message);
	return call("/predict/batch", { reviews }, signal, (body) => isList(body?.predictions, isRow, reviews.length));
}

export function sendFeedback(vote) {
	return call("/feedback", vote, null, (body) => isText(body?.id));
}

/** Has a vote deleted. */
export function withdrawFeedback(id) {
	return call(`/feedback/${id}`, null, null, (body) => body?.id === id, "DELETE");
}

export function describeModel() {
	return call("/model", null, null, (body) => isText(body?.model));
}

/** How many votes the models that answer have got. */
export function countVotes() {
	const isCount = (it) => isText(it?.model) && [it.up, it.down].every(Number.isInteger);
	return call("/feedback", null, null, (body) => isList(body?.models, isCount));
}

async function call(route, message, signal, keepsToContract, method = message ? "POST" : "GET") {
	if (!navigator.onLine) throw unreachable();
	base ??= await loadApiUrl(signal);
	const patience = AbortSignal.timeout(GIVE_UP_AFTER_MS);
	let response, body;
	try {
		response = await fetch(base + route, {
			method,
			// A description that the browser has kept may be of a model that answers no more: ask whether it is the same.
			cache: "no-cache",
			...(message && {
				headers: { "content-type": "application/json" },
				body: JSON.stringify(message),
			}),
			signal: AbortSignal.any([patience, signal].filter(Boolean)),
		});
		body = await response.json();
	} catch (error) {
		signal?.throwIfAborted();
		if (patience.aborted) throw tooLong();
		// An answer that is not JSON has come, at least.
		if (!(error instanceof SyntaxError)) throw unreachable();
	}
	if (!response.ok) throw refused(response, body);
	if (!keepsToContract(body)) {
		throw new Failure(
			"The API’s answer makes no sense",
			"Page and API versions don’t match: reload the page and try again.",
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
			"The file config.json beside it should hold the address.",
			{ said: `config.json: ${error.message}`, again: 0 },
		);
	}
}

function tooLong() {
	const advice = "Try again: the model may be awake by now.";
	return new Failure("No answer for a minute", advice, { again: 0 });
}

export function isVerdict(body) {
	const { sentiment, probability, unsure } = body ?? {};
	return (
		typeof probability === "number" &&
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
		isList(words, (word) => isText(word?.[0]) && Number.isFinite(word[1])) &&
		isList(spans, (span) => isPlace(span?.[0], span?.[1]), words.length) &&
		(cut === null || (isPlace(cut?.start, cut?.end) && Number.isFinite(cut.words)))
	);
}

const isPlace = (start, end) => Number.isInteger(start) && Number.isInteger(end) && 0 <= start && start <= end;

function isList(value, fits, length = value?.length) {
	return Array.isArray(value) && value.length === length && value.every(fits);
}
