// From a review to its verdict: one request at a time, told truthfully while it lasts.

import { LIMITS, predict } from "./api.js";
import { say, sayFailure, sayVerdict } from "./answer.js";
import { byId, characters, grouped, plural, setText, show } from "./dom.js";
import { Failure } from "./failure.js";
import { showRequest } from "./usage.js";
import { patiently } from "./waiting.js";

// After so many milliseconds: what there is to say.
const WHILE_WAITING = [
	[1_000, "Thinking …", "The model is reading your review."],
	[
		3_000, "Still thinking …",
		"A model that nobody has asked for a while goes to sleep. Waking it may take a minute.",
	],
];

const review = byId("review");
/** The request that the person is waiting for; one that is aborted writes nothing to the page any more. */
let pending = null;
/** The text of that request while its answer is on the way; null between two tries. */
let sent = null;

/** Asks for the verdict on what is in the box; `judged` gets the text and the verdict, `note` is said with it. */
export async function ask(judged, note) {
	const text = review.value;
	if (text === sent) return; // A second click of a double-click, say.
	stop();
	const problem = problemWith(text);
	if (problem) {
		sayFailure(problem);
		return review.focus();
	}
	const { signal } = (pending = new AbortController());
	sent = text;
	let waking = false;
	const sayWaiting = (headline, explanation) => {
		if (!signal.aborted && !waking) say("waiting", "Asking the model", headline, explanation);
	};
	for (const [after, ...said] of WHILE_WAITING) setTimeout(sayWaiting, after, ...said);
	const sayWaking = (left) => {
		sayWaiting("The model is waking up …", "This may take a minute. The page tries again by itself.");
		waking = true;
		sent = left ? null : text;
		setText("countdown", left ? `Next try in ${plural(left, "second")}.` : "Trying again …");
	};
	setBusy(true);
	sayWaiting("", "");
	try {
		const verdict = await patiently(
			() => predict(text, signal),
			({ code, again }) => code === "waking" && again,
			signal,
			sayWaking,
		);
		sayVerdict(text, verdict, note);
		judged(text, verdict);
	} catch (error) {
		if (!signal.aborted) sayFailure(error);
	} finally {
		if (!signal.aborted) {
			stop();
			showRequest(text);
		}
	}
}

/** Why `text` cannot be sent, as a Failure, or null. */
export function problemWith(text) {
	const length = characters(text);
	if (!text.trim()) return new Failure("There is no review yet", "Write or paste one, then ask again.");
	if (length <= LIMITS.characters) return null;
	const advice = `It has ${grouped(length)} characters; at most ${grouped(LIMITS.characters)} can be judged.`;
	return new Failure("This review is too long", advice);
}

function stop() {
	pending?.abort();
	pending = sent = null;
	setBusy(false);
}

function setBusy(busy) {
	// Not on the answer: screen readers keep silent about a live region that is busy.
	byId("form").ariaBusy = busy;
	show("cancel", busy, "review");
	// On a small screen the answer stands below the fold.
	byId("status").scrollIntoView({ block: "nearest" });
}

/** Says whether there was something to cancel. */
export function cancelAsking() {
	if (!pending) return false;
	stop();
	say("idle", "No verdict", "Cancelled", "The model’s answer, if one comes, will not be shown.");
	return true;
}
