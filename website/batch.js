// Many reviews at once, from a file or pasted text: one a line, or a column of a table.

import { LIMITS, predictBatch } from "./api.js";
import { problemWith } from "./asking.js";
import { parseCsv, separatorOf } from "./csv.js";
import { byId, grouped, NAMES, onClick, plural, setText, show, sideOf } from "./dom.js";
import { asFailure, passes } from "./failure.js";
import { isLabelName, labelReader } from "./labels.js";
import { render, startResults, summary } from "./results.js";
import { patiently } from "./waiting.js";

const MAX_FILE_BYTES = 10_000_000;
const MAX_ROWS = 10_000;
const TABLE_FILE = /\.(csv|tsv)$/i;
const REVIEW_COLUMN = /review|text|comment/i;

const [pasted, format, column, labels, header] = ["pasted", "format", "column", "labels", "header"].map(byId);

let newestFile = null;
let source = { name: "", text: "" };
let table = { rows: [], unclosed: null };
/** As results.js has them; their kind is a side, "failed" or "unjudged". */
let rows = [];
let running = null;

// ---- where the reviews come from ----

/**
 * Reads `file` as the reviews to judge, in UTF-8 or else as old spreadsheets write.
 *
 * A batch that runs goes on until the new reviews are there; of a refused file its own line tells.
 */
export async function readFile(file) {
	if (file.size > MAX_FILE_BYTES) return refuse(`${file.name} is too large: at most 10 MB are read.`);
	newestFile = file;
	const bytes = new Uint8Array(await file.arrayBuffer());
	if (newestFile !== file) return; // Another was chosen meanwhile.
	if (!bytes.length) return refuse(`${file.name} is empty: there is nothing to judge in it.`);
	if (bytes.includes(0)) return refuse(`${file.name} is not a text file.`);
	let text;
	try {
		text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
	} catch {
		text = new TextDecoder("windows-1252").decode(bytes);
	}
	if (!text.replace(/^\ufeff/, "").trim()) return refuse(`${file.name} is empty: there is nothing to judge in it.`);
	pasted.value = "";
	take(file.name, text);
}

const refuse = (said) => setText("file-refused", said);

function take(name, text) {
	refuse("");
	source = { name, text };
	table = parseCsv(text, separatorOf(text));
	const [first = []] = table.rows;
	const named = first.findIndex((cell) => cell.length < 40 && REVIEW_COLUMN.test(cell));
	const lengths = first.map((_, index) => table.rows.slice(1, 21).map((row) => row[index]).join("").length);
	format.value = TABLE_FILE.test(name) || (named >= 0 && table.rows.length > 1) ? "table" : "lines";
	header.checked = named >= 0;
	column.replaceChildren(...first.map((cell, index) => new Option(cell.slice(0, 40) || `Column ${index + 1}`, index)));
	column.value = named < 0 ? lengths.indexOf(Math.max(...lengths)) : named;
	labels.replaceChildren(new Option("no column", ""), ...[...column.options].map(({ text, value }) => new Option(text, value)));
	const labelled = first.findIndex((cell, index) => index !== Number(column.value) && isLabelName(cell) && labelReader(cellsOf(index), cell));
	labels.value = named >= 0 && labelled >= 0 ? labelled : "";
	setRows();
}

function setRows() {
	stopRunning();
	const asTable = format.value === "table";
	show("table-options", asTable);
	const reviews = asTable
		? table.rows.slice(header.checked ? 1 : 0).map((row) => row[Number(column.value)])
		: source.text.replace(/^\ufeff/, "").split(/\r\n?|\n/).filter((line) => line.trim());
	rows = reviews.slice(0, MAX_ROWS).map((review = "", index) => {
		const error =
			reviews[index] === undefined ? "This row has no such column"
			: !review.trim() ? "No review in this row"
			: problemWith(review)?.headline;
		return { number: index + 1, review, kind: error ? "failed" : "unjudged", error };
	});
	const unfit = of("failed").length;
	const notes = [
		source.name,
		plural(reviews.length, "review"),
		reviews.length > MAX_ROWS && `the first ${grouped(MAX_ROWS)} are taken`,
		unfit && `${grouped(unfit)} cannot be judged`,
		asTable && table.unclosed && `row ${table.unclosed} opens a quote that is never closed`,
	];
	tell(source.text && `${notes.filter(Boolean).join(", ")}.`);
	show("options", source.text);
	startResults(rows);
	labelRows();
	offer();
}

const cellsOf = (index) => table.rows.slice(header.checked ? 1 : 0, MAX_ROWS + 1).map((row) => row[index]);

/** Gives each row the label that its column has, if one is chosen. */
function labelRows() {
	const chosen = format.value === "table" && labels.value !== "";
	const cells = chosen ? cellsOf(Number(labels.value)) : [];
	const read = chosen && labelReader(cells, labels.selectedOptions[0].text);
	for (const [index, row] of rows.entries()) row.label = read ? read.label(cells[index]) : null;
	setText("labels-note", !chosen ? "" : read ? read.note : "This column cannot be read as labels: use words (positive, negative), 0 and 1, or stars.");
}

const tell = (said) => setText("batch-status", said);

const of = (kind) => rows.filter((row) => row.kind === kind);

function offer() {
	const left = of("unjudged").length;
	const begun = rows.some(({ kind }) => kind in NAMES);
	setText("start", begun ? `Judge the other ${grouped(left)}` : `Judge ${plural(left, "review")}`);
	show("stop", running, "many");
	show("start", left && !running, "stop");
	show("bar", running);
}

// ---- asking ----

async function run() {
	const { signal } = (running = new AbortController());
	offer();
	tell("Judging …");
	try {
		for (let chunk = nextChunk(); chunk.length; chunk = nextChunk()) {
			showProgress();
			const { model, predictions } = await patiently(
				() => predictBatch(chunk.map(({ review }) => review), signal),
				passes,
				signal,
				(left) => setText("batch-wait", left ? `The API asks to wait: next try in ${left} s.` : ""),
			);
			for (const [index, row] of chunk.entries()) {
				const { error, ...verdict } = predictions[index];
				row.kind = error ? "failed" : sideOf(verdict);
				row.error = error?.message;
				row.probability = verdict.probability;
				row.sentiment = verdict.sentiment;
				row.model = error ? undefined : model;
			}
		}
		finish(summary(rows));
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
	for (const row of of("unjudged")) {
		// As JSON, between commas.
		bytes += new Blob([JSON.stringify(row.review)]).size + 1;
		if (chunk.length === LIMITS.reviews || (chunk.length && bytes > LIMITS.bytes)) break;
		chunk.push(row);
	}
	return chunk;
}

function showProgress() {
	Object.assign(byId("bar"), { max: rows.length, value: rows.length - of("unjudged").length });
	render();
}

function finish(said) {
	stopRunning();
	tell(said);
	offer();
	showProgress();
}

function stopRunning() {
	running?.abort();
	running = null;
	setText("batch-wait", "");
}

/** Says whether there was something to cancel. */
export function cancelBatch() {
	if (!running) return false;
	finish(`Cancelled. ${summary(rows)}`);
	return true;
}

pasted.addEventListener("input", () => take("", pasted.value));
onClick("choose", () => byId("file").click());
byId("file").addEventListener("change", ({ target }) => {
	if (target.files[0]) readFile(target.files[0]);
	target.value = ""; // The same file may be chosen again.
});
for (const option of [format, column, header]) option.addEventListener("change", setRows);
labels.addEventListener("change", () => {
	labelRows();
	if (!byId("results").hidden) render();
});
onClick("start", run);
onClick("stop", cancelBatch);
