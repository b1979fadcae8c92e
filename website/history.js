// What was judged in this browser: kept in its local storage, and nowhere else.

import { toCsv } from "./csv.js";
import { byId, download, element, NAMES, percent, plural, setText, show, sideOf } from "./dom.js";

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
	for (let length = Math.min(list.length, MOST_ENTRIES); ; length = Math.floor(length / 2)) {
		try {
			localStorage.setItem(KEY, JSON.stringify(list.slice(0, length)));
			break;
		} catch {
			if (length) continue;
			setText("past-note", "This browser keeps no history for this page.");
			break;
		}
	}
	showHistory();
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

export function showHistory() {
	const list = entries();
	setText("past-count", list.length ? ` (${list.length})` : "");
	byId("past-list").replaceChildren(...list.map(item));
	byId("past-empty").hidden = list.length > 0;
	for (const id of ["export", "forget"]) byId(id).hidden = !list.length;
	show(byId("undo"), deleted !== null, byId("past"));
}

function item(entry) {
	const side = sideOf(entry);
	const again = element("button", "plain", "Judge again");
	const forget = element("button", "plain", "Delete");
	const short = entry.review.trim().replace(/\s+/g, " ").slice(0, 60);
	for (const button of [again, forget]) {
		button.type = "button";
		button.setAttribute("aria-label", `${button.textContent}: ${short}`);
	}
	again.addEventListener("click", () => reopen(entry.review));
	forget.addEventListener("click", () => remove([entry.at]));
	const review = element("p", "excerpt", entry.review);
	review.dir = "auto";
	const when = element("time", "quiet", new Date(entry.at).toLocaleString());
	when.dateTime = entry.at;
	const likelihood = percent(Math.max(entry.probability, 1 - entry.probability));
	return element(
		"li", "",
		element("p", "facts", element("strong", `side ${side}`, NAMES[side]), `${likelihood} for ${entry.sentiment}`, when),
		review,
		element("div", "row", again, forget),
	);
}

/** `judgeAgain` gets the text of the entry that the person chooses. */
export function startHistory(judgeAgain) {
	reopen = judgeAgain;
	byId("forget").addEventListener("click", () => remove(entries().map(({ at }) => at)));
	byId("undo").addEventListener("click", () => {
		const list = deleted;
		deleted = null;
		setText("past-note", "");
		keep(list);
	});
	byId("export").addEventListener("click", () => {
		const rows = entries().map(({ at, sentiment, probability, unsure, model, review }) => [
			at, sentiment, probability, unsure ? "yes" : "no", model, review,
		]);
		download("history.csv", toCsv([["at", "sentiment", "probability", "unsure", "model", "review"], ...rows]));
	});
	addEventListener("storage", showHistory);
	showHistory();
}
