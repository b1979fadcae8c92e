// The review itself with the words marked that moved the verdict, and the parts that the model skipped.

import { byId, element, plural, signed } from "./dom.js";

// By the share of the heaviest word's weight; weaker words stay unmarked.
const STRENGTHS = [
	[0.6, 3, "strongly"],
	[0.3, 2, "clearly"],
	[0.12, 1, "slightly"],
];
// In logits. A review whose heaviest word weighs less has no strong words at all.
const STRONG_WEIGHT = 0.5;

const text = byId("marked");
const tip = byId("tip");

/** Shows `review` with its marks. `spans` and `cut` count in Unicode code points. */
export function showMarks(review, { words, spans, cut }) {
	const places = codeUnits(review);
	const length = places.length - 1;
	const heaviest = Math.max(STRONG_WEIGHT, ...words.map(([, weight]) => Math.abs(weight)));
	const marks = words
		.map(([, weight], index) => ({ start: spans[index][0], end: spans[index][1], weight }))
		.sort((a, b) => a.start - b.start);

	const part = (from, to) => {
		const nodes = [];
		let at = from;
		for (const { start, end, weight } of marks) {
			const strength = STRENGTHS.find(([least]) => Math.abs(weight) / heaviest >= least);
			// Of places that overlap the first one counts.
			if (!strength || start < at || start === end || end > to) continue;
			nodes.push(review.slice(places[at], places[start]), mark(review.slice(places[start], places[end]), weight, strength));
			at = end;
		}
		return [...nodes, review.slice(places[at], places[to])];
	};
	if (cut) {
		const [start, end] = [Math.min(cut.start, length), Math.min(cut.end, length)];
		text.replaceChildren(
			...part(0, start),
			element("small", "cut", `✂ ${plural(cut.words, "word")} skipped from here`),
			element("span", "skipped", ...part(start, end)),
			element("small", "cut", end < length ? "read on from here ✂" : "end of the review ✂"),
			...part(end, length),
		);
		const weighed = marks.some((word) => word.weight && word.start >= start && word.start < end);
		byId("cut-note").textContent =
			`This review is longer than the model reads in order: it skipped ${plural(cut.words, "word")}, shown in grey. ` +
			(weighed ? "There, only words and short phrases counted, not their order." : "They did not count.");
	} else text.replaceChildren(...part(0, length));
	byId("cut-note").hidden = !cut;
	hideTip();
	const [first] = all();
	if (first) first.tabIndex = 0;
	byId("key").hidden = byId("steps").hidden = !first;
	byId("words-note").hidden = Boolean(first);
}

/** Where each code point of `review`, and its end, stands in UTF-16. */
function codeUnits(review) {
	const places = [0];
	for (const sign of review) places.push(places.at(-1) + sign.length);
	return places;
}

function mark(word, weight, [, level, strongly]) {
	const side = weight > 0 ? "positive" : "negative";
	const made = element("span", `mark ${side} level-${level}`, word);
	made.tabIndex = -1;
	made.dataset.tip = `${signed(weight)} ${strongly} towards ${side}`;
	made.setAttribute("role", "button");
	made.setAttribute("aria-label", `${word}: ${strongly} towards ${side}, ${signed(weight)}`);
	return made;
}

function all() {
	return [...text.querySelectorAll(".mark")];
}

function showTip(word) {
	tip.textContent = word.dataset.tip;
	tip.hidden = false;
	const card = text.getBoundingClientRect();
	const [line] = word.getClientRects();
	const middle = line.left + line.width / 2 - card.left;
	const half = tip.offsetWidth / 2;
	tip.style.left = `${Math.max(half, Math.min(middle, card.width - half))}px`;
	tip.style.top = `${line.top - card.top + text.offsetTop - tip.offsetHeight}px`;
}

function hideTip() {
	tip.hidden = true;
}

for (const [event, then] of [
	["pointerover", showTip],
	["focusin", (word) => {
		for (const other of all()) other.tabIndex = other === word ? 0 : -1;
		showTip(word);
	}],
	["click", (word) => word.focus()],
]) {
	text.addEventListener(event, ({ target }) => target.matches(".mark") && then(target));
}

// The tip itself may be pointed at, too.
for (const place of [text, tip]) {
	place.addEventListener("pointerout", ({ relatedTarget }) => {
		if (relatedTarget === tip || relatedTarget?.matches(".mark")) return;
		const focused = text.contains(document.activeElement) && document.activeElement;
		if (focused) showTip(focused);
		else hideTip();
	});
}
text.addEventListener("focusout", hideTip);

text.addEventListener("keydown", (event) => {
	const words = all();
	const index = words.indexOf(document.activeElement);
	const [before, after] = [index - 1, index + 1];
	const next = { ArrowRight: after, ArrowDown: after, ArrowLeft: before, ArrowUp: before, Home: 0, End: words.length - 1 };
	if (event.key === "Enter" || event.key === " ") showTip(words[index]);
	else if (event.key in next) words[next[event.key]]?.focus();
	else return;
	event.preventDefault();
});

/** Escape takes the tip away first; says whether there was one. */
export function dismissTip() {
	const shown = !tip.hidden;
	hideTip();
	return shown;
}
