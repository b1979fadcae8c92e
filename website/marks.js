// The review itself with the words marked that moved the verdict, and the parts that the model skipped.

import { byId, element, NAMES, plural, setText } from "./dom.js";

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
	const signs = [...review];
	const heaviest = Math.max(STRONG_WEIGHT, ...words.map(([, weight]) => Math.abs(weight)));
	const marks = spans
		.map(([start, end], index) => ({ start, end, weight: words[index][1] }))
		.sort((a, b) => a.start - b.start);

	const piece = (from, to) => signs.slice(from, to).join("");
	const part = (from, to) => {
		const nodes = [];
		let at = from;
		for (const { start, end, weight } of marks) {
			const strength = STRENGTHS.find(([least]) => Math.abs(weight) / heaviest >= least);
			// Of places that overlap the first one counts.
			if (!strength || start < at || start === end || end > to) continue;
			nodes.push(piece(at, start), mark(piece(start, end), weight, strength));
			at = end;
		}
		return [...nodes, piece(at, to)];
	};
	const { start, end } = cut ?? { start: signs.length };
	text.replaceChildren(...part(0, start));
	let note = "";
	if (cut) {
		const skipped = plural(cut.words, "word");
		text.append(
			element("small", "cut", `✂ ${skipped} skipped from here`),
			element("span", "skipped", ...part(start, end)),
			element("small", "cut", end < signs.length ? "read on from here ✂" : "end of the review ✂"),
			...part(end, signs.length),
		);
		const counted = marks.some((word) => word.weight && word.start >= start && word.start < end)
			? "There, only words and short phrases counted, not their order."
			: "They did not count.";
		note = `This review is longer than the model reads in order: it skipped ${skipped}, shown in grey. ${counted}`;
	}
	setText("cut-note", note);
	hideTip();
	const [first] = all();
	if (first) first.tabIndex = 0;
	byId("key").hidden = byId("steps").hidden = !first;
	byId("words-note").hidden = Boolean(first);
}

const styled = (side, level, word) => element("span", `mark ${side} level-${level}`, word);

function mark(word, weight, [, level, strongly]) {
	const side = weight > 0 ? "positive" : "negative";
	const signed = `${weight < 0 ? "−" : "+"}${Math.abs(weight).toFixed(2)}`;
	const made = styled(side, level, word);
	made.tabIndex = -1;
	made.dataset.tip = `${signed} ${strongly} towards ${side}`;
	made.role = "button";
	made.ariaLabel = `${word}: ${made.dataset.tip}`;
	return made;
}

for (const side of ["negative", "positive"]) {
	const samples = STRENGTHS.toReversed().flatMap(([, level, strongly]) => [" ", styled(side, level, strongly)]);
	byId("key").append(element("p", "", `${NAMES[side]}:`, ...samples));
}

const all = () => [...text.querySelectorAll(".mark")];

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

function onMark(event, then) {
	text.addEventListener(event, ({ target }) => target.matches(".mark") && then(target));
}

onMark("pointerover", showTip);
onMark("focusin", (word) => {
	for (const other of all()) other.tabIndex = other === word ? 0 : -1;
	showTip(word);
});

// The tip itself may be pointed at, too.
for (const place of [text, tip]) {
	place.addEventListener("pointerout", ({ relatedTarget }) => {
		if (relatedTarget === tip || relatedTarget?.matches(".mark")) return;
		if (text.contains(document.activeElement)) showTip(document.activeElement);
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
