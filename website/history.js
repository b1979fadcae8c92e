// What was judged in this browser: kept in its local storage, and nowhere else.

import { downloadCsv } from "./csv.js";
import { byId, element, excerpt, likelihood, NAMES, onClick, plural, setText, show, sideOf } from "./dom.js";

const KEY = "history";
const MOST_ENTRIES = 100;

/** What was deleted last, until the next change. */
let deleted = null;
let reopen = null;

function entries() {
	try {
		return JSON.parse(localStorage.getItem(KEY) ?? "[]").filter(isEntry);
	} catch {
		return []; // Storage is forbidden, or what is there is not ours.
	}
}

function isEntry(entry) {
	return (
		typeof entry?.review === "string" &&
		typeof entry.model === "string" &&
		entry.sentiment in NAMES &&
		Number.isFinite(entry.probability) &&
		!Number.isNaN(Date.parse(entry.at))
	);
}

/** The newest first, as many as there is room for. */
function keep(list) {
	try {
		localStorage.setItem(KEY, JSON.stringify(list.slice(0, MOST_ENTRIES)));
		showHistory();
	} catch {
		if (list.length) return keep(list.slice(0, Math.min(list.length, MOST_ENTRIES) / 2));
		setText("past-note", "This browser keeps no history for this page.");
	}
}

export function remember(review, { sentiment, probability, unsure, model }) {
	const others = entries().filter((entry) => entry.review !== review || entry.model !== model);
	deleted = null;
	setText("past-note", "");
	keep([{ at: new Date().toISOString(), review, sentiment, probability, unsure, model }, ...others]);
}

function remove(gone) {
	deleted = entries();
	const left = deleted.filter((entry) => !gone.includes(entry.at));
	keep(left);
	setText("past-note", `Deleted ${plural(deleted.length - left.length, "review")}.`);
	byId("undo").hidden = false;
	byId("undo").focus();
}

function showHistory() {
	const list = entries();
	setText("past-count", list.length ? ` (${list.length})` : "");
	byId("past-list").replaceChildren(...list.map(item));
	byId("past-empty").hidden = list.length > 0;
	for (const id of ["export", "forget"]) byId(id).hidden = !list.length;
	show(byId("undo"), deleted !== null, byId("past"));
}

function item(entry) {
	const side = sideOf(entry);
	const short = entry.review.trim().replace(/\s+/g, " ").slice(0, 60);
	const button = (name, action) => {
		const made = element("button", "plain", name);
		made.ariaLabel = `${name}: ${short}`;
		made.addEventListener("click", action);
		return made;
	};
	const when = element("time", "quiet", new Date(entry.at).toLocaleString());
	when.dateTime = entry.at;
	const again = button("Judge again", () => reopen(entry.review));
	const forget = button("Delete", () => remove([entry.at]));
	return element(
		"li", "",
		element("p", "facts", element("strong", `side ${side}`, NAMES[side]), likelihood(entry), when),
		excerpt(entry.review),
		element("div", "row", again, forget),
	);
}

/** `judgeAgain` gets the text of the entry that the person chooses. */
export function startHistory(judgeAgain) {
	reopen = judgeAgain;
	onClick("forget", () => remove(entries().map(({ at }) => at)));
	onClick("undo", () => {
		const list = deleted;
		deleted = null;
		setText("past-note", "");
		keep(list);
	});
	onClick("export", () => {
		const rows = entries().map(({ at, sentiment, probability, unsure, model, review }) => [
			at, sentiment, probability, unsure ? "yes" : "no", model, review,
		]);
		downloadCsv("history.csv", [["at", "sentiment", "probability", "unsure", "model", "review"], ...rows]);
	});
	addEventListener("storage", showHistory);
	showHistory();
}
