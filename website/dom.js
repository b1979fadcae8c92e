// Small helpers for the elements, numbers and texts of the page. User text only ever becomes text, never markup.

export function byId(id) {
	return document.getElementById(id);
}

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

/** Shows or hides `node`; the focus in it goes to `refuge`. */
export function show(node, visible, refuge) {
	const held = !visible && refuge && node.contains(document.activeElement);
	node.hidden = !visible;
	if (held) refuge.focus();
}

/** In Unicode code points, as the API counts. */
export function characters(text) {
	return [...text].length;
}

export function grouped(number) {
	return number.toLocaleString("en");
}

export function plural(count, noun) {
	return `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** Never 100%: the model is never that sure. */
export function percent(share) {
	return share >= 0.995 ? "more than 99%" : `${Math.round(share * 100)}%`;
}

export function signed(weight) {
	return `${weight < 0 ? "−" : "+"}${Math.abs(weight).toFixed(2)}`;
}

export function sideOf({ sentiment, unsure }) {
	return unsure ? "unsure" : sentiment;
}

export const NAMES = { positive: "Positive", negative: "Negative", unsure: "Unsure" };

/** Gives the person a file, made here. */
export function download(name, text) {
	const link = element("a", "");
	link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
	link.download = name;
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 1_000);
}
