// Small helpers for the elements, numbers and texts of the page. User text only ever becomes text, never markup.

export const byId = (id) => document.getElementById(id);

export const onClick = (id, then) => byId(id).addEventListener("click", then);

export function setText(id, text) {
	byId(id).textContent = text;
}

/** A new element: its classes, and its children (strings become text). */
export function element(tag, className, ...children) {
	const made = document.createElement(tag);
	made.className = className;
	made.append(...children);
	return made;
}

/** The beginning of a review, as far as a list has room for it. */
export function excerpt(review) {
	const made = element("p", "excerpt", review);
	made.dir = "auto";
	return made;
}

/** Shows or hides `node`; the focus in it goes to `refuge`. */
export function show(node, visible, refuge) {
	const held = !visible && node.contains(document.activeElement);
	node.hidden = !visible;
	if (held) refuge.focus();
}

/** In Unicode code points, as the API counts. */
export const characters = (text) => [...text].length;

export const grouped = (number) => number.toLocaleString("en");

export const plural = (count, noun) => `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;

/** Never 100% or 0%: the model is never that sure. */
export const percent = (share) =>
	share >= 0.995 ? "more than 99%" : share < 0.005 ? "less than 1%" : `${Math.round(share * 100)}%`;

/** How likely the side that the model leans to is. */
export const likelihood = ({ sentiment, probability }) =>
	`${percent(Math.max(probability, 1 - probability))} for ${sentiment}`;

export const NAMES = { positive: "Positive", negative: "Negative", unsure: "Unsure" };

export const sideOf = ({ sentiment, unsure }) => (unsure ? "unsure" : sentiment);
