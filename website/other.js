// While a new model is tried: what the other of the two says of the same text, beside the verdict.

import { inWords } from "./answer.js";
import { predict } from "./api.js";
import { byId, onClick, setText, show } from "./dom.js";
import { asFailure, passes } from "./failure.js";
import { patiently } from "./waiting.js";

/** The versions of both models; empty where one answers alone. */
let models = [];
let judged = null;
let asking = new AbortController();

export function twoModelsAnswer(versions) {
	models = versions;
	offer();
}

/** Offers to ask the other model about a text that was judged. */
export function offerOther(review, { model }) {
	judged = { review, model };
	offer();
}

function offer() {
	asking.abort();
	setText("other-verdict", "");
	byId("ask-other").ariaDisabled = false;
	show("other", judged && models.includes(judged.model), "answer");
}

onClick("ask-other", async () => {
	const { signal } = (asking = new AbortController());
	const other = models.find((version) => version !== judged.model);
	const tell = (left) => setText("other-verdict", left ? `The API asks to wait: next try in ${left} s.` : `Asking model ${other} …`);
	byId("ask-other").ariaDisabled = true;
	tell(0);
	try {
		const verdict = await patiently(() => predict(judged.review, signal, other), passes, signal, tell);
		setText("other-verdict", `Model ${verdict.model}: ${inWords(verdict).join(". ")}`);
	} catch (error) {
		if (signal.aborted) return;
		const { headline, advice } = asFailure(error);
		setText("other-verdict", `No verdict of model ${other}. ${headline}. ${advice}`);
		byId("ask-other").ariaDisabled = false;
	}
});
