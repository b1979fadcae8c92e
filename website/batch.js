// Many reviews at once, from a file or pasted text: one a line, or a column of a table.

import { LIMITS, predictBatch } from "./api.js";
import { problemWith } from "./asking.js";
import { downloadCsv, parseCsv, separatorOf } from "./csv.js";
import { byId, element, excerpt, grouped, NAMES, onClick, percent, plural, setText, show, sideOf } from "./dom.js";
import { asFailure } from "./failure.js";
import { patiently } from "./waiting.js";

const MAX_FILE_BYTES = 10_000_000;
const MAX_ROWS = 10_000;
const ROWS_A_PAGE = 100;
const TABLE_FILE = /\.(csv|tsv)$/i;
const REVIEW_COLUMN = /review|text|comment/i;

const [panel, pasted, format, column, header, start, stop, bar] =
	["many", "pasted", "format", "column", "header", "start", "stop", "bar"].map(byId);

let source = { name: "", text: "" };
let table = { rows: [], unclosed: null };
/** One for each review: {number, review, kind, error or probability}; its kind is a side, "failed" or "waiting". */
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
	column.value = named < 0 ? longest : named;
	setRows();
}

function setRows() {
	stopRunning();
	const asTable = format.value === "table";
	byId("table-options").hidden = !asTable;
	const reviews = asTable
		? table.rows.slice(header.checked ? 1 : 0).map((row) => row[Number(column.value)])
		: source.text.replace(/^\ufeff/, "").split(/\r\n?|\n/).filter((line) => line.trim());
	rows = reviews.slice(0, MAX_ROWS).map((review = "", index) => {
		const error =
			reviews[index] === undefined ? "This row has no such column"
			: !review.trim() ? "No review in this row"
			: problemWith(review)?.headline;
		return { number: index + 1, review, kind: error ? "failed" : "waiting", error };
	});
	const notes = [source.name, plural(reviews.length, "review")];
	if (reviews.length > MAX_ROWS) notes.push(`the first ${grouped(MAX_ROWS)} are taken`);
	if (asTable && table.unclosed) notes.push(`row ${table.unclosed} opens a quote that is never closed`);
	tell(source.text && `${notes.filter(Boolean).join(", ")}.`);
	byId("options").hidden = !source.text;
	byId("results").hidden = true;
	offer();
}

function tell(said) {
	setText("batch-status", said);
}

const of = (kind) => rows.filter((row) => row.kind === kind);

function offer() {
	const left = of("waiting").length;
	const begun = rows.some(({ kind }) => kind in NAMES);
	start.textContent = begun ? `Judge the other ${grouped(left)}` : `Judge ${plural(left, "review")}`;
	show(start, left && !running, panel);
	show(stop, running, panel);
	bar.hidden = !running;
}

// ---- asking ----

async function run() {
	const { signal } = (running = new AbortController());
	rowsShown = ROWS_A_PAGE;
	offer();
	stop.focus();
	tell("Judging …");
	try {
		for (let chunk = nextChunk(); chunk.length; chunk = nextChunk()) {
			render();
			const { predictions } = await patiently(
				() => predictBatch(chunk.map(({ review }) => review), signal),
				({ again }) => again,
				signal,
				(left) => setText("batch-wait", left ? `The API asks to wait: next try in ${left} s.` : ""),
			);
			for (const [index, row] of chunk.entries()) {
				const { error, ...verdict } = predictions[index];
				if (error) Object.assign(row, { kind: "failed", error: error.message });
				else Object.assign(row, { kind: sideOf(verdict), probability: verdict.probability });
			}
		}
		finish(summary());
	} catch (error) {
		if (signal.aborted) return;
		const { headline, advice, said } = asFailure(error);
		finish(`Stopped: ${headline}. ${advice} ${said ?? ""}`);
	}
}

/** The next reviews to send: as many as the API takes in one request. */
function nextChunk() {
	let bytes = 100;
	const chunk = [];
	for (const row of of("waiting")) {
		// As JSON, between commas.
		bytes += new Blob([JSON.stringify(row.review)]).size + 1;
		if (chunk.length === LIMITS.reviews || (chunk.length && bytes > LIMITS.bytes)) break;
		chunk.push(row);
	}
	return chunk;
}

function finish(said) {
	stopRunning();
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
	finish(`Cancelled. ${summary()}`);
	return true;
}

function summary() {
	const kinds = [...Object.keys(NAMES), "failed", "waiting"].filter((kind) => of(kind).length);
	return `${kinds.map((kind) => `${grouped(of(kind).length)} ${kind === "waiting" ? "not judged" : kind}`).join(", ")}.`;
}

// ---- the results ----

/** What a row is sorted by. */
function key(row) {
	const value = row[sorted.by] ?? -1;
	return typeof value === "string" ? value.trim().toLowerCase() : value;
}

function render() {
	const done = rows.length - of("waiting").length;
	byId("results").hidden = false;
	bar.max = rows.length;
	bar.value = done;
	setText("done", `${grouped(done)} of ${grouped(rows.length)}`);
	const list = rows.toSorted((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0) * (sorted.up ? 1 : -1));
	byId("rows").replaceChildren(...list.slice(0, rowsShown).map(tableRow));
	for (const button of document.querySelectorAll("[data-sort]")) {
		const order = sorted.up ? "ascending" : "descending";
		button.parentNode.ariaSort = button.dataset.sort === sorted.by ? order : "none";
	}
	byId("more").hidden = list.length <= rowsShown;
}

function tableRow({ number, kind, error, probability, review }) {
	const share = kind in NAMES ? percent(probability).replace("more than ", ">").replace("less than ", "<") : "";
	const cells = [number, element("span", `side ${kind}`, NAMES[kind] ?? error ?? "…"), share, excerpt(review)];
	return element("tr", "", ...cells.map((cell) => element("td", "", cell)));
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
onClick("start", run);
onClick("stop", cancelBatch);
onClick("more", () => {
	rowsShown += ROWS_A_PAGE;
	render();
});
onClick("heads", ({ target }) => {
	const by = target.dataset.sort;
	if (!by) return;
	sorted = { by, up: sorted.by === by ? !sorted.up : true };
	render();
});
onClick("save", () => {
	const cells = rows.map(({ number, kind, probability = "", error = "", review }) =>
		[number, kind, probability, error, review]);
	downloadCsv("verdicts.csv", [["row", "verdict", "probability of positive", "error", "review"], ...cells]);
});
