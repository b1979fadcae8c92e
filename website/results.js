// The verdicts on many reviews: a bar of their shares, a filter, how they compare with labels, and a table of which
// each row opens its explanation.

import { predict } from "./api.js";
import { downloadCsv } from "./csv.js";
import { byId, element, excerpt, grouped, likelihood, NAMES, onClick, percent, plural, setText, show } from "./dom.js";
import { asFailure, passes } from "./failure.js";
import { scoreOf } from "./labels.js";
import { markReader } from "./marks.js";
import { patiently } from "./waiting.js";

const ROWS_A_PAGE = 100;
export const VERDICTS = { ...NAMES, failed: "Failed", unjudged: "…" };

/** One for each review: {number, review, kind, label, error or sentiment and probability}. */
let rows = [];
let sorted = { by: "number", up: true };
let rowsShown = ROWS_A_PAGE;
let opened = null;
let asking = new AbortController();

/** Whether two models have answered: then each verdict names its own. */
const twoAnswered = () => new Set(rows.map(({ model }) => model).filter(Boolean)).size > 1;

const wrong = ({ label, sentiment }) => Boolean(label && sentiment && label !== sentiment);

const FILTERS = { all: () => true, wrong };
for (const kind in NAMES) FILTERS[kind] = (row) => row.kind === kind;
FILTERS.failed = (row) => row.kind === "failed";

const filters = [...byId("filter").elements];
const chosenFilter = () => FILTERS[filters.find((it) => it.checked).value];

/** Begins anew with these rows, hidden until `render`. */
export function startResults(those) {
	rows = those;
	rowsShown = ROWS_A_PAGE;
	filters[0].checked = true;
	close();
	show("results", false);
}

export function render() {
	const done = rows.filter(({ kind }) => kind !== "unjudged").length;
	show("results", true);
	setText("done", `${grouped(done)} of ${grouped(rows.length)}`);
	renderDistribution();
	renderScore();
	const naming = twoAnswered();
	const list = rows.filter(chosenFilter()).sort((a, b) => (key(a) > key(b)) - (key(a) < key(b)));
	if (!sorted.up) list.reverse();
	const focused = document.activeElement;
	const held = byId("rows").contains(focused) && focused.value;
	byId("rows").replaceChildren(...list.slice(0, rowsShown).flatMap((row) => tableRows(row, naming)));
	// The rows are new, the explanation is not: the focus returns to where it was.
	if (detail.contains(focused)) focused.focus();
	else if (held) byId("rows").querySelector(`button[value="${held}"]`)?.focus();
	const order = sorted.up ? "ascending" : "descending";
	for (const head of byId("heads").children) head.ariaSort = head.firstChild.value === sorted.by ? order : "none";
	show("more", list.length > rowsShown);
}

/** What a row is sorted by. */
function key(row) {
	const value = row[sorted.by] ?? -1;
	return typeof value === "string" ? value.trim().toLowerCase() : value;
}

function renderDistribution() {
	const counted = Object.keys(VERDICTS).map((kind) => [rows.filter((row) => row.kind === kind).length, kind]);
	const shares = counted.filter(([count]) => count).map(([count, kind]) => {
		const share = element("span", kind);
		share.style.flexGrow = count;
		return share;
	});
	byId("distribution").replaceChildren(...shares);
	byId("distribution").ariaLabel = summary(rows);
	for (const filter of filters) {
		const count = rows.filter(FILTERS[filter.value]).length;
		filter.parentNode.hidden = !count && !filter.checked;
		filter.parentNode.lastChild.data = ` ${filter.parentNode.lastChild.data.trim().replace(/ [\d,]+$/, "")} ${grouped(count)}`;
	}
}

export function summary(of) {
	const counts = Object.keys(VERDICTS).map((kind) => [of.filter((row) => row.kind === kind).length, kind]);
	return `${counts.filter(([count]) => count).map(([count, kind]) => `${grouped(count)} ${kind}`).join(", ")}.`;
}

function renderScore() {
	const score = scoreOf(rows);
	show("score", score);
	if (!score) return;
	const { right, count, unsure, interval, matrix } = score;
	const [low, high] = interval.map((bound) => `${(bound * 100).toFixed(1)}%`);
	setText(
		"score-line",
		`Accuracy ${((right / count) * 100).toFixed(1)}%: ${grouped(right)} of ${plural(count, "labelled review")} ` +
			`(95% interval ${low} to ${high}).` +
			(unsure ? ` ${grouped(unsure)} of them unsure: each counts for the side that it leans to.` : ""),
	);
	for (const [index, row] of [...byId("confusion").tBodies[0].rows].entries()) {
		for (const [side, cell] of [...row.querySelectorAll("td")].entries()) {
			cell.textContent = grouped(matrix[index][side]);
		}
	}
}

function tableRows(row, naming) {
	const { number, kind, error, probability, review, label, model } = row;
	const judged = kind in NAMES;
	const share = judged ? percent(probability).replace("more than ", ">").replace("less than ", "<") : "";
	const beginning = excerpt(review, judged ? "button" : "p");
	if (judged) {
		beginning.ariaExpanded = opened === row;
		beginning.value = number;
	}
	const cells = [[number], [element("span", `side ${kind}`, VERDICTS[kind])], [share], [beginning]];
	if (error) cells[3].unshift(element("p", "", error));
	if (wrong(row)) cells[1].push(element("p", "quiet", `label: ${label}`));
	if (naming && model) cells[1].push(element("p", "quiet", `model ${model}`));
	const made = element("tr", "", ...cells.map((cell) => element("td", "", ...cell)));
	return opened === row ? [made, detail] : [made];
}

// ---- the explanation of one row ----

const told = element("p", "");
const text = element("div", "marked");
const tip = element("span", "tip");
text.role = "group";
text.ariaLabel = "Why this verdict";
text.dir = "auto";
tip.hidden = true;
tip.ariaHidden = true;
told.role = "status";
const cell = element("td", "", told, element("div", "marking", text, tip));
cell.colSpan = 4;
const detail = element("tr", "detail", cell);
const reader = markReader(text, tip);

function close() {
	asking.abort();
	asking = new AbortController();
	opened = null;
}

async function explain(row) {
	close();
	opened = row;
	const { signal } = asking;
	text.replaceChildren();
	told.textContent = "Asking the model …";
	render();
	try {
		row.explained ??= await patiently(() => predict(row.review, signal), passes, signal, () => {});
		if (signal.aborted) return;
		const any = reader.show(row.review, row.explained);
		const { unsure, model } = row.explained;
		// A text alone may fall to the other model than in its batch.
		const by = model === row.model ? "" : ` by model ${model}, which answers this text alone`;
		told.textContent =
			`${unsure ? "Leans" : "The model says"} ${likelihood(row.explained)}${by}.${any ? "" : " No word in this review told the model anything."}`;
	} catch (error) {
		if (signal.aborted) return;
		const { headline, advice } = asFailure(error);
		told.textContent = `No explanation. ${headline}. ${advice}`;
	}
}

/** Closes the explanation that is open; says whether there was one. */
export function closeExplanation() {
	const row = opened;
	if (!row || byId("many").hidden) return false;
	close();
	render();
	byId("rows").querySelector(`button[value="${row.number}"]`)?.focus();
	return true;
}

byId("rows").addEventListener("click", ({ target }) => {
	const row = !detail.contains(target) && target.matches("button") && rows[target.value - 1];
	if (!row) return;
	if (opened === row) closeExplanation();
	else explain(row);
});
byId("filter").addEventListener("change", () => {
	rowsShown = ROWS_A_PAGE;
	render();
});
onClick("more", () => {
	rowsShown += ROWS_A_PAGE;
	render();
});
onClick("heads", ({ target }) => {
	const by = target.value;
	if (!by) return;
	sorted = { by, up: sorted.by !== by || !sorted.up };
	render();
});
onClick("save", () => {
	const labelled = rows.some(({ label }) => label);
	const naming = twoAnswered();
	const heads = ["row", "verdict", "probability of positive", "error", "review", ...(labelled ? ["label"] : []), ...(naming ? ["model"] : [])];
	const cells = rows.map(({ number, kind, probability = "", error = "", review, label, model = "" }) =>
		[number, kind, probability, error, review, ...(labelled ? [label ?? ""] : []), ...(naming ? [model] : [])]);
	downloadCsv("verdicts.csv", [heads, ...cells]);
});
