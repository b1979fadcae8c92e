// Comma-separated values (RFC 4180): read as spreadsheets write them, and written so that none of them runs anything.

/** Records of cells. `unclosed` is the number of the record whose quote is never closed, else null. */
export function parseCsv(text, separator) {
	const rows = [];
	let row = [];
	let cell = "";
	let quoted = false;
	const endCell = () => {
		row.push(cell);
		cell = "";
	};
	const endRow = () => {
		endCell();
		// A blank line is no record.
		if (row.length > 1 || row[0]) rows.push(row);
		row = [];
	};
	for (let at = text.startsWith("\ufeff") ? 1 : 0; at < text.length; at += 1) {
		const sign = text[at];
		if (quoted) {
			if (sign !== '"') cell += sign;
			else if (text[at + 1] === '"') cell += text[(at += 1)];
			else quoted = false;
		} else if (sign === '"' && !cell) quoted = true;
		else if (sign === separator) endCell();
		else if (sign === "\n" || sign === "\r") {
			if (sign === "\r" && text[at + 1] === "\n") at += 1;
			endRow();
		} else cell += sign;
	}
	endRow();
	return { rows, unclosed: quoted ? rows.length : null };
}

/** The separator that stands most often outside of quotes in the first line. */
export function separatorOf(text) {
	const [line] = text.replace(/"[^"]*"/g, "").split(/[\r\n]/, 1);
	const [best] = [",", ";", "\t"].map((sign) => [line.split(sign).length, sign]).sort((a, b) => b[0] - a[0]);
	return best[1];
}

/** With a byte-order mark, by which spreadsheets know UTF-8. */
export function toCsv(rows) {
	return `\ufeff${rows.map((row) => row.map(written).join(",")).join("\r\n")}\r\n`;
}

/** Spreadsheets run cells that begin like a formula; an apostrophe makes them text (OWASP, "CSV Injection"). */
function written(value) {
	const text = String(value);
	const safe = typeof value === "string" && /^\s*[=+\-@|\t\r\n＝＋－＠]/.test(text) ? `'${text}` : text;
	return /[",\r\n;\t']/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
