// Was the verdict right? A vote goes to the API with the review, to be kept; the page says so beforehand.

import { sendFeedback } from "./api.js";
import { byId, onClick, setText } from "./dom.js";
import { asFailure } from "./failure.js";

const WHAT_IT_DOES = "A vote sends this review and the verdict to be kept.";
const VOTES = ["up", "down"];

let judged = null;

/** Asks about this verdict from now on. */
export function askForVote(review, { sentiment, probability, model }) {
	judged = { review, sentiment, probability, model };
	for (const vote of VOTES) byId(vote).ariaPressed = false;
	offer(true, WHAT_IT_DOES);
}

function offer(open, note) {
	for (const vote of VOTES) byId(vote).ariaDisabled = !open;
	setText("vote-note", note);
}

async function send(vote) {
	const about = judged;
	offer(false, "Sending your vote …");
	try {
		await sendFeedback({ ...about, vote });
		if (about !== judged) return;
		byId(vote).ariaPressed = true;
		setText("vote-note", "Thank you. Your vote and the review are kept.");
	} catch (error) {
		const { headline } = asFailure(error);
		if (about === judged) offer(true, `Your vote was not kept: ${headline.toLowerCase()}. ${WHAT_IT_DOES}`);
	}
}

for (const vote of VOTES) onClick(vote, () => send(vote));
