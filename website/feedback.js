// Was the verdict right? A vote goes to the API with the review, to train later models; the page says so beforehand.

import { sendFeedback } from "./api.js";
import { byId, setText } from "./dom.js";
import { asFailure } from "./failure.js";

const WHAT_IT_DOES = "A vote sends this review and the verdict to be kept: later models learn from them.";

const votes = ["up", "down"].map((vote) => [vote, byId(`vote-${vote}`)]);
let judged = null;
let voted = false;

/** Asks about this verdict from now on. */
export function askForVote(review, { sentiment, probability, model }) {
	judged = { review, sentiment, probability, model };
	voted = false;
	offer(true);
	for (const [, button] of votes) button.setAttribute("aria-pressed", "false");
	setText("vote-note", WHAT_IT_DOES);
}

/** The buttons stay where they are, so that the keyboard's focus does. */
function offer(open) {
	for (const [, button] of votes) button.setAttribute("aria-disabled", String(!open));
}

async function send(vote, button) {
	if (voted) return;
	voted = true;
	const about = judged;
	offer(false);
	setText("vote-note", "Sending your vote …");
	try {
		await sendFeedback({ ...about, vote });
		if (about !== judged) return;
		button.setAttribute("aria-pressed", "true");
		setText("vote-note", "Thank you. Your vote and the review are kept.");
	} catch (error) {
		if (about !== judged) return;
		const { headline } = asFailure(error);
		voted = false;
		offer(true);
		setText("vote-note", `Your vote was not kept: ${headline.toLowerCase()}. ${WHAT_IT_DOES}`);
	}
}

for (const [vote, button] of votes) button.addEventListener("click", () => send(vote, button));
