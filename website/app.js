// The page, put together: the review box, examples, keys, links and tabs.

import { LIMITS } from "./api.js";
import { say, sayFailure } from "./answer.js";
import { ask, cancelAsking } from "./asking.js";
import { cancelBatch, readFile } from "./batch.js";
import { byId, characters, grouped, onClick, setText, show, withBreaks } from "./dom.js";
import { askForVote } from "./feedback.js";
import { remember, startHistory } from "./history.js";
import { dismissTip } from "./marks.js";
import { showModel } from "./model.js";
import { offerOther } from "./other.js";
import { closeExplanation } from "./results.js";
import { linkTo, takeSharedReview } from "./share.js";
import { choose } from "./tabs.js";

const review = byId("review");

/** What the person wrote, kept while an example is in the box. */
let ownText = "";
let judged = "";

function judge() {
	const example = [...byId("examples").querySelectorAll("[value]")].find(({ value }) => value === review.value);
	return ask((text, verdict) => {
		judged = text;
		show("link-box", false);
		setText("link-note", "");
		reviewChanged();
		askForVote(text, verdict);
		offerOther(text, verdict);
		remember(text, verdict);
	}, example?.dataset.note);
}

function reviewChanged() {
	const length = characters(review.value);
	setText("counter", `${grouped(length)} of ${grouped(LIMITS.characters)} characters`);
	review.ariaInvalid = length > LIMITS.characters;
	show("changed", review.value !== judged);
	show("restore", ownText && review.value !== ownText, "review");
}

function fill(text) {
	review.value = text;
	reviewChanged();
}

function takeAsOwn(text) {
	choose("one");
	ownText = text;
	fill(text);
}

async function openSharedReview() {
	try {
		const shared = await takeSharedReview();
		if (shared === null) return;
		takeAsOwn(shared);
		say("idle", "A review from a link", "Not judged yet", "It’s in the box; nothing has been sent.");
	} catch (error) {
		sayFailure(error);
	}
}

async function share() {
	const address = await linkTo(judged);
	show("link-box", address);
	if (!address) return setText("link-note", "This review is too long for a link.");
	const link = byId("link");
	link.value = address;
	let begin = "Copied.";
	try {
		await navigator.clipboard.writeText(address);
	} catch {
		link.select(); // The browser forbids copying: the person can.
		begin = "Copy the link.";
	}
	setText("link-note", `${begin} The review is in the link itself, after the #, which no server gets to see.`);
}

function connectionChanged() {
	show("offline", !navigator.onLine);
}

review.addEventListener("input", () => {
	ownText = review.value;
	reviewChanged();
});
// Reviews copied from a data set write a line break as a tag.
review.addEventListener("paste", (event) => {
	const copied = event.clipboardData.getData("text/plain");
	const text = withBreaks(copied, "\n");
	if (text === copied) return;
	event.preventDefault();
	document.execCommand("insertText", false, text); // The one way that can be undone by the keyboard.
});
byId("form").addEventListener("submit", (event) => {
	event.preventDefault();
	judge();
});
document.addEventListener("keydown", (event) => {
	// Keys that an input method consumes are its own.
	if (event.isComposing) return;
	if (event.key === "Escape" && !dismissTip() && !(byId("many").hidden ? cancelAsking() : cancelBatch() || closeExplanation())) return;
	if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !byId("one").hidden) {
		if (!event.repeat) judge();
	} else if (event.key !== "Escape") return;
	event.preventDefault();
});
onClick("cancel", cancelAsking);
onClick("retry", judge);
onClick("share", share);
onClick("examples", ({ target }) => {
	if (!target.value) return;
	fill(target.value);
	judge();
});
onClick("restore", () => {
	fill(ownText);
	review.focus();
});
// A file may be dropped anywhere.
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
	const [file] = event.dataTransfer.files;
	if (!file) return;
	event.preventDefault();
	choose("many");
	readFile(file);
});
addEventListener("online", connectionChanged);
addEventListener("offline", connectionChanged);
addEventListener("hashchange", openSharedReview);

startHistory((text) => {
	takeAsOwn(text);
	review.focus();
	judge();
});
byId("unstarted").remove();
connectionChanged();
reviewChanged();
openSharedReview();
showModel();
