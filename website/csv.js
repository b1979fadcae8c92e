// Comma-separated values (RFC 4180): read as spreadsheets write them, and written so that none of them runs anything.

import { element } from "./dom.js";

/** Records of cells. `unclosed` is the number of the record whose quote is never closed, else null. */
export function parseCsv(text, separator) {
	const cell = new RegExp(`(?:"([^"]*(?:""[^"]*)*)("|$))?([^${separator}\r\n]*)(${separator}|\r\n?|\n|$)`, "g");
	const rows = [];
	let row = [];
	for (const [, quoted = "", close, rest, end] of text.replace(/^\ufeff/, "").matchAll(cell)) {
		row.push(quoted.replaceAll('""', '"') + rest);
		if (end === separator) continue;
		// A blank line is no record.
		if (row.length > 1 || row[0]) rows.push(row);
		row = [];
		if (!end) return { rows, unclosed: close === "" ? rows.length : null };
	}
}

/** The separator that stands most often outside of quotes in the first line. */
export function separatorOf(text) {
	const [line] = text.replace(/"[^"]*"/g, "").split(/[\r\n]/, 1);
	const [best] = [",", ";", "\t"].map((sign) => [line.split(sign).length, sign]).sort((a, b) => b[0] - a[0]);
	return best[1];
}

/** Gives the person a file, made here; with a byte-order mark, by which spreadsheets know UTF-8. */
export function downloadCsv(name, rows) {
	const text = `\ufeff${rows.map((row) => row.map(written).join(",")).join("\r\n")}\r\n`;
	const link = element("a", "");
	link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
	link.download = name;
	link.click();
	setTimeout(() => URL.revokeObjectURL(link.href), 1_000);
}

/** Spreadsheets run cells that begin like a formula; an apostrophe makes them text (OWASP, "CSV Injection"). */
function written(value) {
	const text = String(value);
	const safe = typeof value === "string" && /^\s*[=+\-@|\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text;
	return /[",\r\n;\t']/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
