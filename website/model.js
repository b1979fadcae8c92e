// The quiet line: which model answers here and how good it was measured to be. Without an answer it stays silent.

import { describeModel, LIMITS } from "./api.js";
import { showUnsureBand } from "./answer.js";
import { grouped, setText, show } from "./dom.js";
import { twoModelsAnswer } from "./other.js";

export async function showModel() {
	const description = await describeModel().catch((error) => console.info("No description:", error.message));
	if (!description) return;
	const { model, metrics, unsure, limits, challenger } = description;
	for (const name in LIMITS) if (limits?.[name] > 0) LIMITS[name] = Math.min(LIMITS[name], limits[name]);
	if (unsure?.length === 2 && unsure.every(Number.isFinite)) showUnsureBand(unsure);
	setText("model-version", model);
	setText("model-accuracy", accuracyOn(metrics?.test, "held-out test") || accuracyOn(metrics?.validation, "validation"));
	if (challenger) {
		setText("model-challenger", ` A new model, ${challenger.model}, answers ${challenger.percent}% of the texts in its place.`);
		twoModelsAnswer([model, challenger.model]);
	}
	show("model-line", true);
}

function accuracyOn({ accuracy, reviews, interval } = {}, kind) {
	if (![accuracy, reviews].every(Number.isFinite)) return "";
	const share = (value) => `${(value * 100).toFixed(1)}%`;
	const accurate = `, ${share(accuracy)} accurate on ${grouped(reviews)} ${kind} reviews`;
	if (kind === "validation") return `${accurate} (also used to choose its settings)`;
	return interval?.length === 2 ? `${accurate} (95% interval ${interval.map(share).join(" to ")})` : accurate;
}
