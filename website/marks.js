// The review itself with the words marked that moved the verdict, and the parts that the model skipped.

import { byId, element, NAMES, plural, setText, show, stepByKeys, withBreaks } from "./dom.js";

// By the share of the heaviest word's weight; weaker words stay unmarked.
const STRENGTHS = [
	[0.6, 3, "strongly"],
	[0.3, 2, "clearly"],
	[0.12, 1, "slightly"],
];
// In logits. A review whose heaviest word weighs less has no strong words at all.
const STRONG_WEIGHT = 0.5;

const HOW_TO_STEP = "Point at a marked word for its weight, or step through them with the arrow keys.";

const text = byId("marked");
const tip = byId("tip");

/** Shows `review` with its marks. `spans` and `cut` count in Unicode code points. */
export function showMarks(review, { words, spans, cut }) {
	const signs = [...review];
	const heaviest = Math.max(STRONG_WEIGHT, ...words.map(([, weight]) => Math.abs(weight)));
	const piece = (from, to) => withBreaks(signs.slice(from, to).join(""), "\n");
	const part = (from, to) => {
		const nodes = [];
		let at = from;
		for (const [index, [start, end]] of spans.entries()) {
			const weight = words[index][1];
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
			element("small", "quiet cut", `✂ ${skipped} skipped from here`),
			element("span", "skipped", ...part(start, end)),
			element("small", "quiet cut", end < signs.length ? "read on from here ✂" : "end of the review ✂"),
			...part(end, signs.length),
		);
		const counted = spans.some(([at], index) => words[index][1] && at >= start && at < end)
			? "There, only words and short phrases counted, not their order."
			: "They did not count.";
		note = `This review is longer than the model reads in order: it skipped ${skipped}, shown in grey. ${counted}`;
	}
	setText("cut-note", note);
	text.scrollTop = 0;
	settle();
	const first = text.querySelector(".mark");
	if (first) first.tabIndex = 0;
	show("key", first);
	setText("steps", first ? HOW_TO_STEP : "No word in this review told the model anything.");
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

function showTip(word) {
	tip.textContent = word.dataset.tip;
	show("tip", true);
	tip.style.left = `${Math.min(word.offsetLeft, text.clientWidth - tip.offsetWidth)}px`;
	tip.style.top = `${word.offsetTop - text.scrollTop - tip.offsetHeight}px`;
}

const hideTip = () => show("tip", false);

function onMark(event, then) {
	text.addEventListener(event, ({ target }) => target.matches(".mark") && then(target));
}

onMark("pointerover", showTip);
stepByKeys(text, ".mark");
onMark("focusin", (word) => {
	text.querySelector("[tabindex='0']").tabIndex = -1;
	word.tabIndex = 0;
	showTip(word);
});

// The tip itself may be pointed at, too.
text.parentNode.addEventListener("pointerout", ({ relatedTarget }) => {
	if (relatedTarget === tip || relatedTarget?.matches(".mark")) return;
	showTipOfFocus();
});
text.addEventListener("focusout", hideTip);
text.addEventListener("scroll", showTipOfFocus);
addEventListener("resize", settle);

function showTipOfFocus() {
	const word = text.querySelector(":focus");
	if (word) showTip(word);
	else hideTip();
}

/** A text that is too long for its place scrolls in it: the keys must get there, too. */
function settle() {
	hideTip();
	// Both are rounded.
	text.tabIndex = text.scrollHeight - text.clientHeight > 1 ? 0 : -1;
}

text.addEventListener("keydown", (event) => {
	if ((event.key !== "Enter" && event.key !== " ") || event.target === text) return;
	event.preventDefault();
	showTip(event.target);
});

/** Escape takes the tip away first; says whether there was one. */
export function dismissTip() {
	const shown = !tip.hidden;
	hideTip();
	return shown;
}
