// What was judged in this browser: kept in its local storage, and nowhere else.

import { isVerdict } from "./api.js";
import { downloadCsv } from "./csv.js";
import { byId, element, excerpt, isText, likelihood, NAMES, onClick, percent, plural, setText, shortened, show, sideOf } from "./dom.js";

const KEY = "history";
// Even of the longest reviews so many fit into the 5 MB that browsers give a page.
const MAX_ENTRIES = 50;

const COLUMNS = ["at", "sentiment", "probability", "unsure", "model", "review"];

let deleted = null;
let reopen = null;

function entries() {
	try {
		return JSON.parse(localStorage.getItem(KEY)).filter(isEntry);
	} catch {
		return []; // Nothing is there, or nothing of ours, or storage is forbidden.
	}
}

const isEntry = (it) => isVerdict(it) && isText(it.review) && isText(it.model) && Date.parse(it.at) > 0;

/** Keeps these, the newest first; `undoable` are those from before, if one may want them back. */
function keep(list, note = "", undoable = null) {
	deleted = undoable;
	setText("past-note", note);
	try {
		localStorage.setItem(KEY, JSON.stringify(list.slice(0, MAX_ENTRIES)));
	} catch {
		setText("past-note", "This browser keeps no history for this page.");
	}
	showHistory();
}

export function remember(review, { sentiment, probability, unsure, model }) {
	const others = entries().filter((entry) => entry.review !== review || entry.model !== model);
	keep([{ at: new Date().toISOString(), sentiment, probability, unsure, model, review }, ...others]);
}

function remove(gone) {
	const before = entries();
	const left = before.filter((entry) => !gone.includes(entry.at));
	keep(left, `Deleted ${plural(before.length - left.length, "review")}.`, before);
	byId("undo").focus();
}

function showHistory() {
	const list = entries();
	setText("past-count", list.length ? ` (${list.length})` : "");
	const naming = new Set(list.map(({ model }) => model)).size > 1;
	byId("past-list").replaceChildren(...list.map((entry) => item(entry, naming)));
	show("past-empty", !list.length);
	show("export", list.length);
	show("forget", list.length, "past");
	show("undo", deleted, "past");
}

function item(entry, naming) {
	const side = sideOf(entry);
	const share = Math.max(entry.probability, 1 - entry.probability);
	const button = (name, action) => {
		const made = element("button", "plain", name);
		made.ariaLabel = `${name}: ${shortened(entry.review)}`;
		made.addEventListener("click", action);
		return made;
	};
	const when = element("time", "quiet", new Date(entry.at).toLocaleString());
	when.dateTime = entry.at;
	return element(
		"li", "",
		element("p", "row", element("strong", `side ${side}`, NAMES[side]), side === "unsure" ? `leans ${likelihood(entry)}` : percent(share), when, naming ? element("span", "quiet", `model ${entry.model}`) : ""),
		excerpt(entry.review),
		element("div", "row", button("Judge again", () => reopen(entry.review)), button("Delete", () => remove([entry.at]))),
	);
}

/** `judgeAgain` gets the text of the entry that the person chooses. */
export function startHistory(judgeAgain) {
	reopen = judgeAgain;
	onClick("forget", () => remove(entries().map(({ at }) => at)));
	onClick("undo", () => keep(deleted));
	onClick("export", () => {
		const rows = entries().map((entry) => COLUMNS.map((name) => entry[name]));
		downloadCsv("history.csv", [COLUMNS, ...rows]);
	});
	addEventListener("storage", showHistory);
	showHistory();
}
