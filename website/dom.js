// Small helpers for the elements, numbers and texts of the page. User text only ever becomes text, never markup.

export const byId = (id) => document.getElementById(id);

/** A button that is aria-disabled keeps the focus, and does nothing. */
export function onClick(id, then) {
	byId(id).addEventListener("click", (event) => event.currentTarget.ariaDisabled !== "true" && then(event));
}

/** Screen readers would say again what has not changed. */
export function setText(id, text) {
	if (byId(id).textContent !== text) byId(id).textContent = text;
}

/** A new element: its classes, and its children (strings become text). */
export function element(tag, className, ...children) {
	const made = document.createElement(tag);
	made.className = className;
	made.append(...children);
	return made;
}

/** The beginning of a review, as far as a list has room for it. */
export function excerpt(review, tag = "p") {
	const made = element(tag, "excerpt", shortened(withBreaks(review, " ")));
	made.dir = "auto";
	return made;
}

/** Reviews of IMDb write a line break as a tag; `sign` takes its place where one is shown. */
export const withBreaks = (text, sign) => text.replace(/<\/?br\s*\/?>/gi, sign);

export const shortened = (text) => (characters(text) > 100 ? `${[...text].slice(0, 100).join("")} …` : text);

/** Shows an element or hides it; the focus in what is hidden goes to `refuge`, where one is named. */
export function show(id, visible, refuge) {
	const node = byId(id);
	const held = !visible && node.contains(document.activeElement);
	node.hidden = !visible;
	if (held && refuge) byId(refuge).focus();
}

/** Steps through what `selector` finds in `container` by arrow keys, Home and End; `arrive` gets where that leads. */
export function stepByKeys(container, selector, arrive) {
	container.addEventListener("keydown", (event) => {
		const nodes = [...container.querySelectorAll(selector)].filter((node) => node.checkVisibility());
		const at = nodes.indexOf(event.target);
		const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
		// Without any, and with these, the keys are the browser's own.
		if (!nodes.length || to === undefined || event.altKey || event.metaKey) return;
		event.preventDefault();
		const next = nodes.at(to % nodes.length);
		next.focus();
		arrive?.(next);
	});
}

export const isText = (value) => typeof value === "string" && value !== "";

/** In Unicode code points, as the API counts. */
export const characters = (text) => [...text].length;

export const grouped = (number) => number.toLocaleString("en");

export const plural = (count, noun) => `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;

/** Never 100% or 0%: the model is never that sure. */
export const percent = (share) =>
	share >= 0.995 ? "more than 99%" : share < 0.005 ? "less than 1%" : `${Math.round(share * 100)}%`;

/** The side that the model leans to, and how likely it is. */
export const likelihood = ({ sentiment, probability }) =>
	`${sentiment} (${percent(Math.max(probability, 1 - probability))})`;

export const NAMES = { positive: "Positive", negative: "Negative", unsure: "Unsure" };

export const sideOf = ({ sentiment, unsure }) => (unsure ? "unsure" : sentiment);
