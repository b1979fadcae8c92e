// The quiet line: which model answers here and how good it was measured to be. Without an answer it stays silent.

import { describeModel, LIMITS } from "./api.js";
import { showUnsureBand } from "./answer.js";
import { byId, grouped, setText } from "./dom.js";

export async function showModel() {
	let description;
	try {
		description = await describeModel();
	} catch (error) {
		console.info("The model’s description is not shown:", error.message);
		return;
	}
	const { model, metrics, unsure, limits } = description;
	for (const name in LIMITS) if (limits?.[name] > 0) LIMITS[name] = Math.min(LIMITS[name], limits[name]);
	if (unsure?.length === 2 && unsure.every(Number.isFinite)) showUnsureBand(unsure);
	setText("model-version", model);
	setText("model-accuracy", accuracyOf(metrics ?? {}));
	byId("model-line").hidden = false;
}

function accuracyOf({ test, validation }) {
	const share = (value) => `${(value * 100).toFixed(1)}%`;
	const right = ({ accuracy, reviews }, kind) => `, right on ${share(accuracy)} of ${grouped(reviews)} ${kind} reviews`;
	const measured = (figures) => Number.isFinite(figures?.accuracy) && Number.isFinite(figures?.reviews);
	if (measured(test)) {
		const { interval } = test;
		const between = interval?.length === 2 ? ` (95% interval ${share(interval[0])} to ${share(interval[1])})` : "";
		return right(test, "held-out test") + between;
	}
	return measured(validation) ? `${right(validation, "validation")}, by which its settings were chosen` : "";
}
