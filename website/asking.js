// From a review to its verdict: one request at a time, told truthfully while it lasts.

import { LIMITS, predict } from "./api.js";
import { say, sayFailure, sayVerdict, sayWaking } from "./answer.js";
import { byId, characters, grouped, show } from "./dom.js";
import { Failure } from "./failure.js";
import { patiently } from "./waiting.js";

const THINKING_AFTER_MS = 1_000;
const SLEEPING_AFTER_MS = 3_000;
const ASKING = "Asking the model";

const review = byId("review");
/** The request that the person is waiting for; only that one may write to the page. */
let pending = null;

/** Asks for the verdict on what stands in the box; `judged` gets the text and the verdict. */
export async function ask(judged) {
	pending?.abort();
	pending = null;
	const text = review.value;
	const problem = problemWith(text);
	if (problem) {
		setBusy(false);
		sayFailure(problem);
		review.focus();
		return;
	}
	const request = (pending = new AbortController());
	const timers = [
		setTimeout(say, THINKING_AFTER_MS, "waiting", ASKING, "Thinking …", "The model is reading your review."),
		setTimeout(
			say, SLEEPING_AFTER_MS, "waiting", ASKING, "Still thinking …",
			"A model that nobody has asked for a while goes to sleep. Waking it may take a minute.",
		),
	];
	const still = () => timers.forEach(clearTimeout);
	request.signal.addEventListener("abort", still);
	setBusy(true);
	say("waiting", ASKING, "", "");
	try {
		let woken = false;
		const verdict = await patiently(
			() => predict(text, request.signal),
			(failure) => failure.wakes,
			request.signal,
			(left) => {
				still();
				if (!woken) say("waiting", ASKING, "The model is waking up …", "This may take a minute. The page tries again by itself.");
				woken = true;
				sayWaking(left);
			},
		);
		if (pending === request) {
			sayVerdict(text, verdict);
			judged(text, verdict);
		}
	} catch (error) {
		if (pending === request) sayFailure(error);
	} finally {
		still();
		if (pending === request) {
			pending = null;
			setBusy(false);
		}
	}
}

/** Why `text` cannot be sent, as a Failure, or null. */
export function problemWith(text) {
	const length = characters(text);
	if (!text.trim()) return new Failure("There is no review yet", "Write or paste one, then ask again.");
	if (length > LIMITS.characters) {
		return new Failure(
			"This review is too long",
			`It has ${grouped(length)} characters; at most ${grouped(LIMITS.characters)} can be judged.`,
		);
	}
	return null;
}

function setBusy(busy) {
	// Not on the answer: screen readers keep silent about a live region that is busy.
	byId("form").setAttribute("aria-busy", String(busy));
	byId("progress").hidden = !busy;
	show(byId("cancel"), busy, review);
	// On a small screen the answer stands below the fold.
	byId("status").scrollIntoView({ block: "nearest" });
}

/** Says whether there was something to cancel. */
export function cancelAsking() {
	if (!pending) return false;
	pending.abort();
	pending = null;
	setBusy(false);
	say("idle", "No verdict", "Cancelled", "The model’s answer, if one comes, will not be shown.");
	return true;
}
