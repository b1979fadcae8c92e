// What the card beside the review says: nothing yet, that it waits, a verdict, or why there is none.

import { byId, likelihood, NAMES, setText, show, sideOf } from "./dom.js";
import { asFailure } from "./failure.js";
import { showMarks } from "./marks.js";
import { countDown } from "./waiting.js";

// How sure the model is, by the probability of the side it takes.
const CERTAINTY = [
	[0.97, "Almost certainly"],
	[0.85, "Very likely"],
	[0.65, "Probably"],
	[0, "Narrowly"],
];

/** Stops the countdown of a failure that is no longer shown. */
let shown = new AbortController();

/** Says something in the live region; what a former answer showed beside it goes. */
export function say(state, kicker, headline, explanation) {
	shown.abort();
	shown = new AbortController();
	byId("answer").className = state;
	setText("kicker", kicker);
	setText("headline", headline);
	setText("explanation", explanation);
	setText("caveat", "");
	for (const id of ["countdown", "reference"]) setText(id, "");
	show("retry", false, "answer");
	show("details", state in NAMES, "answer");
}

/** With a button for another try where that may help; it opens when the API's time is over. */
export function sayFailure(error) {
	const { headline, advice, said, requestId, again } = asFailure(error);
	say("failed", "No verdict", headline, advice);
	const reference = [said && `Reason: ${said}`, requestId && `Request ${requestId}`];
	setText("reference", reference.filter(Boolean).join("\n"));
	if (again === undefined) return;
	const retry = byId("retry");
	show("retry", true);
	countDown(again, shown.signal, (left) => {
		retry.textContent = left ? `Try again in ${left} s` : "Try again";
		retry.ariaDisabled = left > 0;
		if (!left && again) setText("explanation", "You can try again now.");
	});
}

// What is said instead of a verdict, by the reason that the API gives.
const NO_VERDICT = {
	no_evidence: ["No opinion", "No word in this text praises or blames, so there is no verdict. Say what was good or bad."],
	not_english: ["Not English", "The model reads English only, so there is no verdict on this text."],
};
// Of fewer words it is wrong more often.
const FEW_WORDS = 10;
const SHORT = "A text this short gives the model little to go on: it is wrong more often than on whole reviews.";

/** A verdict in words: a headline, and how sure the model is. */
export function inWords(verdict) {
	const { probability, unsure, reason } = verdict;
	const share = Math.max(probability, 1 - probability);
	const [, certainty] = CERTAINTY.find(([least]) => share >= least);
	const likely = likelihood(verdict);
	return NO_VERDICT[reason] ?? [
		NAMES[sideOf(verdict)],
		unsure ? `It leans ${likely}. Verdicts this close to the middle are wrong too often to take a side.` : `${certainty} ${likely}.`,
	];
}

/** Says the verdict; `note` is what there is to know of this text beforehand. */
export function sayVerdict(review, verdict, note) {
	const { probability, unsure, reason, model, words } = verdict;
	const likely = likelihood(verdict);
	const [headline, explanation] = inWords(verdict);
	say(sideOf(verdict), "The model says", headline, explanation);
	setText("caveat", note || (reason in NO_VERDICT || words.length >= FEW_WORDS ? "" : SHORT));
	const meter = byId("meter");
	meter.ariaValueNow = (probability * 100).toFixed(1);
	meter.ariaValueText = unsure ? `unsure, leans ${likely}` : likely;
	meter.style.setProperty("--probability", probability);
	showMarks(review, verdict);
	setText("model", model);
}

/** The band of probabilities in which the model does not take a side, on the meter. */
export function showUnsureBand([low, high]) {
	byId("meter").style.setProperty("--low", low);
	byId("meter").style.setProperty("--high", high);
}
