// Many reviews at once, from a file or pasted text: one a line, or a column of a table.

import { LIMITS, predictBatch } from "./api.js";
import { problemWith } from "./asking.js";
import { parseCsv, separatorOf, toCsv } from "./csv.js";
import { byId, download, element, grouped, NAMES, percent, plural, setText, show, sideOf } from "./dom.js";
import { asFailure } from "./failure.js";
import { patiently } from "./waiting.js";

const MAX_FILE_BYTES = 10_000_000;
const MAX_ROWS = 10_000;
const ROWS_A_PAGE = 100;
const TABLE_FILE = /\.(csv|tsv)$/i;
const REVIEW_COLUMN = /review|text|comment/i;

const [pasted, format, column, header, start, stop] =
	["pasted", "format", "column", "header", "start", "stop"].map(byId);

let source = { name: "", text: "" };
let table = { rows: [], unclosed: null };
/** One for each review: {number, review, error or sentiment, probability, unsure}; without either it waits. */
let rows = [];
let running = null;
let sorted = { by: "number", up: true };
let rowsShown = ROWS_A_PAGE;

// ---- where the reviews come from ----

/** Reads `file` as the reviews to judge, in UTF-8 or else as old spreadsheets write. */
export async function readFile(file) {
	if (file.size > MAX_FILE_BYTES) return tell(`${file.name} is too large: at most 10 MB are read.`);
	const bytes = new Uint8Array(await file.arrayBuffer());
	if (bytes.includes(0)) return tell(`${file.name} is not a text file.`);
	let text;
	try {
		text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
	} catch {
		text = new TextDecoder("windows-1252").decode(bytes);
	}
	pasted.value = "";
	take(file.name, text);
}

function take(name, text) {
	source = { name, text };
	table = parseCsv(text, separatorOf(text));
	const [first = []] = table.rows;
	const named = first.findIndex((cell) => cell.length < 40 && REVIEW_COLUMN.test(cell));
	const length = (index) => table.rows.slice(1, 21).reduce((sum, row) => sum + (row[index]?.length ?? 0), 0);
	const longest = first.reduce((best, _, index) => (length(index) > length(best) ? index : best), 0);
	format.value = TABLE_FILE.test(name) || (named >= 0 && table.rows.length > 1) ? "table" : "lines";
	header.checked = named >= 0;
	column.replaceChildren(...first.map((cell, index) => new Option(cell.slice(0, 40) || `Column ${index + 1}`, index)));
	column.value = String(Math.max(named, 0) || (named ? longest : 0));
	setRows();
}

function setRows() {
	stopRunning();
	const asTable = format.value === "table";
	byId("table-options").hidden = !asTable;
	const reviews = asTable
		? table.rows.slice(header.checked ? 1 : 0).map((row) => row[Number(column.value)])
		: source.text.replace(/^\ufeff/, "").split(/\r\n|\r|\n/).filter((line) => line.trim());
	rows = reviews.slice(0, MAX_ROWS).map((review, index) => {
		const problem = review === undefined ? { headline: "This row has no such column" } : problemWith(review);
		return { number: index + 1, review: review ?? "", error: review?.trim() === "" ? "No review in this row" : problem?.headline };
	});
	const notes = [source.name, plural(reviews.length, "review"), reviews.length > MAX_ROWS && `the first ${grouped(MAX_ROWS)} are taken`];
	if (asTable && table.unclosed) notes.push(`row ${table.unclosed} opens a quote that is never closed`);
	tell(source.text ? `${notes.filter(Boolean).join(", ")}.` : "");
	byId("options").hidden = !source.text;
	byId("results").hidden = true;
	offer();
}

function tell(said) {
	setText("batch-status", said);
}

function waiting() {
	return rows.filter((row) => row.error === undefined && row.sentiment === undefined);
}

function offer() {
	const left = waiting().length;
	const begun = rows.some((row) => row.sentiment);
	start.textContent = begun ? `Judge the other ${grouped(left)}` : `Judge ${plural(left, "review")}`;
	show(start, left > 0 && !running, byId("many"));
	show(stop, Boolean(running), byId("many"));
	byId("bar").hidden = !running;
}

// ---- asking ----

async function run() {
	const request = (running = new AbortController());
	rowsShown = ROWS_A_PAGE;
	offer();
	stop.focus();
	tell("Judging …");
	try {
		for (let chunk = nextChunk(); chunk.length; chunk = nextChunk()) {
			render();
			const { predictions } = await patiently(
				() => predictBatch(chunk.map(({ review }) => review), request.signal),
				(failure) => failure.waits,
				request.signal,
				(left) => setText("batch-wait", left ? `The API asks to wait: next try in ${left} s.` : ""),
			);
			if (running !== request) return;
			chunk.forEach((row, index) => {
				const { error, ...verdict } = predictions[index];
				Object.assign(row, error ? { error: error.message } : verdict);
			});
		}
		finish(summary());
	} catch (error) {
		if (running !== request) return;
		const { headline, advice, said } = asFailure(error);
		finish(`Stopped: ${headline}. ${advice} ${said ?? ""}`);
	}
}

/** The next reviews to send: as many as the API takes in one request. */
function nextChunk() {
	let bytes = 100;
	const chunk = [];
	for (const row of waiting()) {
		// As JSON, between commas.
		bytes += new Blob([JSON.stringify(row.review)]).size + 1;
		if (chunk.length === LIMITS.reviews || (chunk.length && bytes > LIMITS.bytes)) break;
		chunk.push(row);
	}
	return chunk;
}

function finish(said) {
	running = null;
	setText("batch-wait", "");
	tell(said);
	offer();
	render();
}

function stopRunning() {
	running?.abort();
	running = null;
}

/** Says whether there was something to cancel. */
export function cancelBatch() {
	if (!running) return false;
	stopRunning();
	finish(`Cancelled. ${summary()}`);
	return true;
}

function summary() {
	const count = (kind) => rows.filter((row) => kindOf(row) === kind).length;
	const kinds = [...Object.keys(NAMES), "failed", "waiting"].filter(count);
	return `${kinds.map((kind) => `${grouped(count(kind))} ${kind === "waiting" ? "not judged" : kind}`).join(", ")}.`;
}

function kindOf(row) {
	return row.error !== undefined ? "failed" : row.sentiment ? sideOf(row) : "waiting";
}

// ---- the results ----

const KEYS = {
	number: (row) => row.number,
	verdict: (row) => kindOf(row),
	probability: (row) => row.probability ?? -1,
	review: (row) => row.review.trim().toLowerCase(),
};

function render() {
	const done = rows.length - waiting().length;
	byId("results").hidden = false;
	byId("bar").max = rows.length;
	byId("bar").value = done;
	setText("done", `${grouped(done)} of ${grouped(rows.length)}`);
	const key = KEYS[sorted.by];
	const list = rows.toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0) * (sorted.up ? 1 : -1));
	byId("rows").replaceChildren(...list.slice(0, rowsShown).map(tableRow));
	for (const button of document.querySelectorAll("[data-sort]")) {
		const order = button.dataset.sort === sorted.by ? (sorted.up ? "ascending" : "descending") : "none";
		button.parentNode.setAttribute("aria-sort", order);
	}
	byId("more").hidden = list.length <= rowsShown;
}

function tableRow(row) {
	const kind = kindOf(row);
	const verdict = element("td", `side ${kind}`, NAMES[kind] ?? row.error ?? "…");
	const review = element("td", "", element("p", "excerpt", row.review));
	review.firstChild.dir = "auto";
	const share = row.sentiment ? percent(row.probability).replace("more than ", ">") : "";
	return element("tr", "", element("td", "", row.number), verdict, element("td", "", share), review);
}

// Browsers take long to lay out much text in a box.
pasted.addEventListener("paste", (event) => {
	const text = event.clipboardData.getData("text");
	if (text.length < 50_000) return;
	event.preventDefault();
	pasted.value = "";
	take("Pasted text", text);
});
pasted.addEventListener("input", () => take("", pasted.value));
byId("file").addEventListener("change", ({ target }) => {
	if (target.files[0]) readFile(target.files[0]);
	target.value = ""; // The same file may be chosen again.
});
for (const option of [format, column, header]) option.addEventListener("change", setRows);
start.addEventListener("click", run);
stop.addEventListener("click", cancelBatch);
byId("more").addEventListener("click", () => {
	rowsShown += ROWS_A_PAGE;
	render();
});
byId("heads").addEventListener("click", ({ target }) => {
	const by = target.dataset.sort;
	if (!by) return;
	sorted = { by, up: sorted.by === by ? !sorted.up : true };
	render();
});
byId("save").addEventListener("click", () => {
	const lines = rows.map((row) => [
		row.number, kindOf(row), row.probability ?? "", row.error ?? "", row.review,
	]);
	download("verdicts.csv", toCsv([["row", "verdict", "probability of positive", "error", "review"], ...lines]));
});
