// Was the verdict right? A vote goes to the API with the review, to be kept; the page says so beforehand. It remembers
// the ids of votes in this browser, by which they can be taken back.

import { sendFeedback, withdrawFeedback } from "./api.js";
import { byId, element, isText, onClick, setText, show } from "./dom.js";
import { asFailure } from "./failure.js";

const WHAT_IT_DOES =
	"A vote sends this review and the verdict to be kept: later models may learn from them. You can take it back for 30 days.";
const VOTES = ["up", "down"];
const KEY = "votes";
const WITHDRAWAL_DAYS = 30;

let judged = null;

/** Asks about this verdict from now on; a vote on it that is remembered is shown. */
export function askForVote(review, { sentiment, probability, model }) {
	judged = { review, sentiment, probability, model };
	const given = remembered().find(({ about }) => about === nameOf(judged));
	if (given) showGiven(given.vote);
	else showOpen(WHAT_IT_DOES);
}

function showOpen(note) {
	show("withdraw", false, "up");
	for (const vote of VOTES) {
		byId(vote).ariaDisabled = false;
		byId(vote).ariaPressed = false;
	}
	setText("vote-note", note);
}

function showGiven(given) {
	for (const vote of VOTES) {
		byId(vote).ariaDisabled = true;
		byId(vote).ariaPressed = vote === given;
	}
	setText("vote-note", "Thank you. Your vote and the review are kept.");
	show("withdraw", true);
}

async function send(vote) {
	const about = judged;
	for (const each of VOTES) byId(each).ariaDisabled = true;
	setText("vote-note", "Sending your vote …");
	try {
		const { id } = await sendFeedback({ ...about, vote });
		remember([...remembered(), { id, vote, about: nameOf(about) }]);
		if (about === judged) showGiven(vote);
	} catch (error) {
		const { headline } = asFailure(error);
		if (about === judged) showOpen(`Your vote was not kept: ${headline.toLowerCase()}. ${WHAT_IT_DOES}`);
	}
}

async function withdraw() {
	const about = judged;
	const name = nameOf(about);
	setText("vote-note", "Taking your vote back …");
	byId("withdraw").ariaDisabled = true;
	try {
		for (const { id } of remembered().filter((vote) => vote.about === name)) await withdrawFeedback(id);
		remember(remembered().filter((vote) => vote.about !== name));
		if (about === judged) showOpen(`Your vote and the review are deleted. ${WHAT_IT_DOES}`);
	} catch (error) {
		const { headline } = asFailure(error);
		if (about === judged) setText("vote-note", `Your vote is still kept: ${headline.toLowerCase()}.`);
	} finally {
		byId("withdraw").ariaDisabled = false;
	}
}

/** The votes of this browser that can still be taken back. */
function remembered() {
	const oldest = new Date(Date.now() - WITHDRAWAL_DAYS * 86_400_000).toISOString().slice(0, 10);
	try {
		return JSON.parse(localStorage.getItem(KEY)).filter(
			({ id, vote, about }) => isText(id) && id >= oldest && VOTES.includes(vote) && isText(about),
		);
	} catch {
		return memory; // Nothing is there, or nothing of ours, or storage is forbidden.
	}
}

/** What a browser without storage remembers until the page is left. */
let memory = [];

function remember(votes) {
	memory = votes;
	try {
		localStorage.setItem(KEY, JSON.stringify(votes));
	} catch {
		// It is remembered until the page is left.
	}
}

/** Names a review and its model without holding the review: whoever deletes the history leaves no text behind. */
function nameOf({ review, model }) {
	// cyrb53 (public domain): 53 bits, for a few hundred votes.
	let a = 0xdeadbeef, b = 0x41c6ce57;
	for (const unit of `${model}\n${review}`) {
		a = Math.imul(a ^ unit.codePointAt(0), 2654435761);
		b = Math.imul(b ^ unit.codePointAt(0), 1597334677);
	}
	a = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909);
	b = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909);
	return (4294967296 * (2097151 & b) + (a >>> 0)).toString(36);
}

const button = element("button", "plain", "Take my vote back");
button.id = "withdraw";
button.type = "button";
button.hidden = true;
byId("vote-note").after(button);
onClick("withdraw", withdraw);
for (const vote of VOTES) onClick(vote, () => send(vote));
