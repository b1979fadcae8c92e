// Was the verdict right? A vote goes to the API with the review, to train later models; the page says so beforehand.

import { sendFeedback } from "./api.js";
import { setText } from "./dom.js";
import { asFailure } from "./failure.js";

const WHAT_IT_DOES = "A vote sends this review and the verdict to be kept: later models learn from them.";

const buttons = document.querySelectorAll("[data-vote]");
let judged = null;
let open = false;

/** Asks about this verdict from now on. */
export function askForVote(review, { sentiment, probability, model }) {
	judged = { review, sentiment, probability, model };
	for (const button of buttons) button.ariaPressed = false;
	offer(true, WHAT_IT_DOES);
}

/** The buttons stay where they are, so that the keyboard's focus does. */
function offer(still, note) {
	open = still;
	for (const button of buttons) button.ariaDisabled = !open;
	setText("vote-note", note);
}

async function send(button) {
	if (!open) return;
	const about = judged;
	offer(false, "Sending your vote …");
	try {
		await sendFeedback({ ...about, vote: button.dataset.vote });
		if (about !== judged) return;
		button.ariaPressed = true;
		setText("vote-note", "Thank you. Your vote and the review are kept.");
	} catch (error) {
		const { headline } = asFailure(error);
		if (about === judged) offer(true, `Your vote was not kept: ${headline.toLowerCase()}. ${WHAT_IT_DOES}`);
	}
}

for (const button of buttons) button.addEventListener("click", () => send(button));
