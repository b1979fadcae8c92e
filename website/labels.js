// Labels that a file brings along: how a column of them is read, and how the verdicts compare with them.

const STARS = /star|rating|score/i;
const NAME = /^\W*(true|gold|actual)?\W*(labels?|sentiment|stars?|ratings?|scores?|polarity|class|target)\W*$/i;
const WORDS = { positive: "positive", pos: "positive", negative: "negative", neg: "negative", neutral: null, mixed: null };
const NUMBER = /^(-?\d+(?:\.\d+)?)(?:\s*\/\s*(\d+)|\s*(?:stars?|\*))?$/;

// By the largest rating: above what a review counts as positive and below what as negative.
const SCALES = [
	[5, 3, 3],
	[10, 6, 5], // IMDb's, as the Large Movie Review Dataset reads it
	[100, 60, 40],
];

/** Whether a column of this name looks like one of labels. */
export const isLabelName = (name) => NAME.test(name);

/**
 * How the cells of a column are read as labels: {label, note}, of which `label(cell)` is "positive", "negative" or
 * null for neither, and `note` says so to the person. Null where they cannot be read.
 */
export function labelReader(cells, name) {
	const values = cells.map(cleaned).filter(Boolean);
	if (!values.length) return null;
	if (values.every((value) => value in WORDS)) return { label: (cell) => WORDS[cleaned(cell)] ?? null, note: "" };
	const numbers = values.map(numberOf);
	if (numbers.includes(null)) return null;
	const signs = (sides) => ({ label: (cell) => sides[numberOf(cleaned(cell))] ?? null });
	const only = (...allowed) => numbers.every((number) => allowed.includes(number));
	if (!STARS.test(name) && only(0, 1)) return { ...signs({ 1: "positive", 0: "negative" }), note: "1 is read as positive, 0 as negative." };
	if (numbers.includes(-1) && only(-1, 0, 1)) {
		return { ...signs({ 1: "positive", "-1": "negative" }), note: "1 is read as positive, −1 as negative, 0 as neither." };
	}
	const most = Math.max(...numbers, ...values.map((value) => Number(value.match(NUMBER)[2] ?? 0)));
	const [scale, above, below] = SCALES.find(([largest]) => most <= largest) ?? [];
	if (!scale || Math.min(...numbers) < 0) return null;
	return {
		label: (cell) => {
			const number = numberOf(cleaned(cell));
			return number === null ? null : number > above ? "positive" : number < below ? "negative" : null;
		},
		note: `Ratings of up to ${scale}: more than ${above} is read as positive, less than ${below} as negative, the rest as neither.`,
	};
}

const cleaned = (cell) => (cell ?? "").trim().toLowerCase().replace(/^([★⭐]+)☆*$/u, (_, stars) => [...stars].length);

function numberOf(value) {
	const found = value.match(NUMBER);
	return found && Number(found[1]);
}

/** How verdicts compare with labels, or null: {right, count, unsure, interval, matrix[label][verdict]}. */
export function scoreOf(rows) {
	const compared = rows.filter(({ label, sentiment }) => label && sentiment);
	const sides = ["negative", "positive"];
	const matrix = sides.map((label) =>
		sides.map((side) => compared.filter((row) => row.label === label && row.sentiment === side).length));
	const count = compared.length;
	const right = matrix[0][0] + matrix[1][1];
	return count && {
		right, count, matrix,
		unsure: compared.filter(({ kind }) => kind === "unsure").length,
		interval: wilson(right, count),
	};
}

/** The 95 % interval of a proportion (Wilson 1927). */
function wilson(successes, trials) {
	const z = 1.959964;
	const share = successes / trials;
	const centre = successes + z ** 2 / 2;
	const half = z * Math.sqrt(trials * share * (1 - share) + z ** 2 / 4);
	return [centre - half, centre + half].map((bound) => bound / (trials + z ** 2));
}
