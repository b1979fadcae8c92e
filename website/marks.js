// A review with the words marked that influenced its verdict, and the parts that the model skipped.

import { byId, characters, element, NAMES, plural, setText, show, stepByKeys, withBreaks } from "./dom.js";

// By the share of the heaviest word's weight; weaker words stay unmarked.
const STRENGTHS = [
	[0.6, 3, "strongly"],
	[0.3, 2, "clearly"],
	[0.12, 1, "slightly"],
];
const [[STRONGLY]] = STRENGTHS;
// In logits. A review whose heaviest word weighs less has no strong words at all.
const STRONG_WEIGHT = 0.5;
// In code points: of a longer review only so much of either end is shown at first.
const LONG = 900;
const SHOWN_OF_AN_END = 300;
/** Words that carry grammar, not opinion. They and punctuation are marked only where they matter strongly. */
const FUNCTION_WORDS = new Set(
	"a about all am an and are as at be been by can could did do does for from had has have he her him his i in is it its "
		.concat("me my of on one or our she so than that the their them there they this to us was we were which who will with ")
		.concat("would you your").split(" "),
);
const PUNCTUATION = /^(\p{P})\1*$/u;

const HOW_TO_STEP = `${matchMedia("(hover: none)").matches ? "Tap" : "Point at"} a marked word for its weight, or step through them with the arrow keys.`;

/** The weight of a word by its strength, or undefined where it is not marked. */
function strengthOf(word, share) {
	const muted = FUNCTION_WORDS.has(word.toLowerCase()) || PUNCTUATION.test(word);
	return muted && share < STRONGLY ? undefined : STRENGTHS.find(([least]) => share >= least);
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

/** The nodes of `review` with its marks, and whether there is one. `spans` and `cut` count in code points. */
function marked(review, { words, spans, cut }) {
	const signs = [...review];
	const heaviest = Math.max(STRONG_WEIGHT, ...words.map(([, weight]) => Math.abs(weight)));
	const piece = (from, to) => withBreaks(signs.slice(from, to).join(""), "\n");
	const part = (from, to) => {
		const nodes = [];
		let at = from;
		for (const [index, [start, end]] of spans.entries()) {
			const [word, weight] = words[index];
			const strength = strengthOf(word, Math.abs(weight) / heaviest);
			// Of places that overlap the first one counts.
			if (!strength || start < at || start === end || end > to) continue;
			nodes.push(piece(at, start), mark(piece(start, end), weight, strength));
			at = end;
		}
		return [...nodes, piece(at, to)];
	};
	const { start, end } = cut ?? { start: signs.length, end: signs.length };
	/** As `part`, with what the model skipped in it in grey. */
	const parts = (from, to) => {
		const [a, b] = [start, end].map((place) => Math.min(Math.max(place, from), to));
		if (a === b) return part(from, to);
		return [
			...part(from, a),
			start >= from && element("small", "quiet cut", `✂ ${plural(cut.words, "word")} skipped from here`),
			element("span", "skipped", ...part(a, b)),
			end <= to && element("small", "quiet cut", end < signs.length ? "read on from here ✂" : "end of the review ✂"),
			...part(b, to),
		].filter(Boolean);
	};
	if (signs.length <= LONG) return parts(0, signs.length);
	const from = signs.indexOf(" ", SHOWN_OF_AN_END);
	const to = signs.lastIndexOf(" ", signs.length - SHOWN_OF_AN_END);
	if (from < 0 || from >= to) return parts(0, signs.length);
	return [...parts(0, from), ...collapsible(parts(from, to)), ...parts(to, signs.length)];
}

/** The middle of a long review, behind a button that opens it. */
function collapsible(nodes) {
	const middle = element("span", "middle", ...nodes);
	middle.hidden = true;
	const count = middle.querySelectorAll(".mark").length;
	const words = plural(middle.textContent.trim().split(/\s+/).length, "word");
	const button = element("button", "plain fold");
	const label = () => {
		button.ariaExpanded = !middle.hidden;
		button.textContent = middle.hidden ? `Show ${words} in between (${count} marked)` : "Hide the middle";
	};
	button.addEventListener("click", () => {
		middle.hidden = !middle.hidden;
		label();
	});
	label();
	return [button, middle];
}

const readers = [];

/** A place for marked reviews: `show(review, verdict)` fills it and tells whether a word is marked. */
export function markReader(text, tip) {
	const showTip = (word) => {
		tip.textContent = word.dataset.tip;
		tip.hidden = false;
		tip.style.left = `${Math.min(word.offsetLeft, text.clientWidth - tip.offsetWidth)}px`;
		tip.style.top = `${word.offsetTop - text.scrollTop - tip.offsetHeight}px`;
	};
	const hideTip = () => {
		tip.hidden = true;
	};
	const showTipOfFocus = () => {
		const word = text.querySelector(".mark:focus");
		if (word) showTip(word);
		else hideTip();
	};
	/** A text that is too long for its place scrolls in it: the keys must get there, too. */
	const settle = () => {
		hideTip();
		// Both are rounded.
		text.tabIndex = text.scrollHeight - text.clientHeight > 1 ? 0 : -1;
	};
	const onMark = (event, then) =>
		text.addEventListener(event, ({ target }) => target.matches(".mark") && then(target));

	onMark("pointerover", showTip);
	stepByKeys(text, ".mark");
	onMark("focusin", (word) => {
		text.querySelector(".mark[tabindex='0']").tabIndex = -1;
		word.tabIndex = 0;
		showTip(word);
	});
	// The tip itself may be pointed at, too.
	text.parentNode.addEventListener("pointerout", ({ relatedTarget }) => {
		if (relatedTarget !== tip && !relatedTarget?.matches(".mark")) showTipOfFocus();
	});
	text.addEventListener("focusout", hideTip);
	text.addEventListener("scroll", showTipOfFocus);
	text.addEventListener("click", ({ target }) => target.matches(".fold") && settle());
	addEventListener("resize", settle);
	text.addEventListener("keydown", (event) => {
		if ((event.key !== "Enter" && event.key !== " ") || !event.target.matches(".mark")) return;
		event.preventDefault();
		showTip(event.target);
	});
	const reader = {
		show(review, verdict) {
			text.replaceChildren(...marked(review, verdict));
			text.classList.toggle("brief", characters(review) < 240);
			text.scrollTop = 0;
			settle();
			const marks = [...text.querySelectorAll(".mark")];
			const first = marks.find((it) => it.checkVisibility()) ?? marks[0];
			if (first) first.tabIndex = 0;
			return Boolean(first);
		},
		/** Says whether there was a tip to hide. */
		dismiss() {
			const shown = !tip.hidden;
			hideTip();
			return shown;
		},
	};
	readers.push(reader);
	return reader;
}

/** Escape takes the tip away first; says whether there was one. */
export const dismissTip = () => readers.map((reader) => reader.dismiss()).includes(true);

const reader = markReader(byId("marked"), byId("tip"));

/** Shows the review of the answer with its marks. */
export function showMarks(review, verdict) {
	const { words, spans, cut } = verdict;
	const any = reader.show(review, verdict);
	let note = "";
	if (cut) {
		const counted = spans.some(([at], index) => words[index][1] && at >= cut.start && at < cut.end)
			? "There, only words and short phrases counted, not their order."
			: "They did not count.";
		note = `This review is longer than the model reads in order: it skipped ${plural(cut.words, "word")}, shown in grey. ${counted}`;
	}
	setText("cut-note", note);
	show("key", any);
	setText("steps", any ? HOW_TO_STEP : "No word in this review told the model anything.");
}

for (const side of ["negative", "positive"]) {
	const samples = STRENGTHS.toReversed().flatMap(([, level, strongly]) => [" ", styled(side, level, strongly)]);
	byId("key").append(element("p", "", `${NAMES[side]}:`, ...samples));
}
