// The page about the model that answers, filled from GET /model. What the API does not tell is left out.

import { countVotes, describeModel } from "./api.js";
import { byId, element, grouped, plural, setText, show } from "./dom.js";
import { asFailure } from "./failure.js";

const share = (value) => `${(value * 100).toFixed(1)}%`;
const known = (...values) => values.every(Number.isFinite);

function sayAccuracy({ test, validation }) {
	const intervalOf = ({ interval }) => (interval?.length === 2 ? ` (95% interval ${interval.map(share).join(" to ")})` : "");
	const tested = known(test?.accuracy, test?.reviews);
	setText(
		"accuracy",
		tested
			? `It classifies ${share(test.accuracy)} of ${grouped(test.reviews)} held-out test reviews correctly${intervalOf(test)}. They had no part in training or in the choice of its settings.`
			: "It has not been evaluated on test reviews.",
	);
	if (known(validation?.accuracy, validation?.reviews)) {
		setText("selection", `On ${grouped(validation.reviews)} validation reviews it is ${share(validation.accuracy)} accurate; they were also used to choose its settings, so this figure flatters.`);
	}
}

/** Rows of the accuracy table: those of the test reviews, and short texts where validation had some. */
function saySlices({ metrics, calibration }) {
	const short = calibration?.short_texts;
	const slices = [
		...(metrics?.test?.slices ?? []).map(({ name, reviews, accuracy, interval }) => [`Test reviews: ${name}`, reviews, accuracy, interval]),
		...(short ? [["Short texts (validation)", short.texts, short.accuracy, null]] : []),
	].filter(([, count, accuracy]) => known(count, accuracy));
	byId("slices").tBodies[0].replaceChildren(...slices.map(([name, count, accuracy, interval]) => {
		const head = element("th", "", name);
		head.scope = "row";
		const cells = [grouped(count), share(accuracy), interval ? interval.map(share).join(" to ") : "not measured"];
		return element("tr", "", head, ...cells.map((cell) => element("td", "", cell)));
	}));
	show("slices", slices.length);
}

/** Both models that answer while a new one is tried, each with the share of the texts (%) that it answers. */
function sharesOf({ model, challenger }) {
	const percent = challenger?.percent ?? 0;
	const champion = { model, percent: 100 - percent };
	return challenger ? [champion, { model: challenger.model, percent }] : [champion];
}

function sayRollout([champion, challenger]) {
	show("rollout", challenger);
	if (!challenger) return;
	setText("rollout", `Two models answer at present: this one ${champion.percent}% of the texts, and version ${challenger.model}, which is being tried, the other ${challenger.percent}%. The same text always gets the same of the two, and each answer names its model. This page describes version ${champion.model}.`);
}

async function sayVotes(shares) {
	try {
		const { models, complete } = await countVotes();
		const least = complete === false ? "at least " : "";
		byId("votes").tBodies[0].replaceChildren(...shares.map(({ model, percent }) => {
			const head = element("th", "", element("code", "", model));
			head.scope = "row";
			const counts = models.find((each) => each.model === model);
			const cells = counts
				? [`${least}${grouped(counts.up + counts.down)}`, `${least}${grouped(counts.up)}`]
				: ["not counted", "not counted"];
			return element("tr", "", head, ...[`${percent}% of the texts`, ...cells].map((cell) => element("td", "", cell)));
		}));
		setText("votes-note", "Under each verdict people can say whether it is right. Anybody may, and they vote on what they choose: this is no measure of accuracy.");
		show("votes", true);
	} catch (error) {
		const { headline } = asFailure(error);
		setText("votes-note", `The votes could not be counted: ${headline.toLowerCase()}.`);
	}
}

function sayCalibration({ calibration, unsure }) {
	const { expected_calibration_error: error, chance, bins } = calibration ?? {};
	setText(
		"calibration",
		known(error)
			? `On validation reviews its probability is off by ${(error * 100).toFixed(1)} points on average` +
				(known(chance) ? `; a perfectly calibrated model would show ${(chance * 100).toFixed(1)} by chance.` : ".")
			: "This was not measured.",
	);
	setText(
		"band",
		unsure?.length === 2
			? `Between ${share(unsure[0])} and ${share(unsure[1])} it answers “unsure”: there it was wrong too often.`
			: "It takes a side at every probability.",
	);
	if (!Array.isArray(bins) || !bins.every((bin) => known(bin?.reviews, bin?.probability, bin?.positive))) return;
	byId("bin-table").tBodies[0].replaceChildren(...bins.map(({ reviews, probability, positive }) =>
		element("tr", "", ...[grouped(reviews), share(probability), share(positive)].map((cell) => element("td", "", cell)))));
	for (const { probability, positive } of bins) {
		const point = document.createElementNS("http://www.w3.org/2000/svg", "circle");
		for (const [name, value] of Object.entries({ cx: 300 * probability, cy: 300 - 300 * positive, r: 6 })) point.setAttribute(name, value);
		byId("curve").append(point);
	}
	show("bins", bins.length);
}

function sayTraining({ recipe, training, words, runtime, weights }) {
	const { reviews, short_texts: short } = training ?? {};
	setText("training", known(reviews)
		? `${plural(reviews, "review")}${short ? ` and ${plural(short, "short text")}` : ""}, by the recipe “${recipe}”.`
		: `By the recipe “${recipe}”; on how many reviews, its description does not tell.`);
	if (known(words?.head, words?.tail)) {
		setText("reads", `Of a long review its LSTM reads the first ${grouped(words.head)} and the last ${grouped(words.tail)} words.`);
	}
	if (runtime && weights) setText("runtime", `Checked for deployment in ${runtime}, its LSTM’s weights in ${weights}.`);
}

try {
	const description = await describeModel();
	setText("state", `The model that answers here is version ${description.model}.`);
	const shares = sharesOf(description);
	sayRollout(shares);
	sayAccuracy(description.metrics ?? {});
	saySlices(description);
	sayCalibration(description);
	sayTraining(description);
	await sayVotes(shares);
	show("model-page", true);
} catch (error) {
	const { headline, advice } = asFailure(error);
	setText("state", `${headline}. ${advice}`);
}
