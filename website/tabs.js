// The tabs of the page, by the ARIA pattern: one tab stop, arrow keys choose.

import { byId } from "./dom.js";

const tabs = [...document.querySelectorAll("[role=tab]")];

export function choose(id) {
	for (const tab of tabs) {
		const chosen = tab.id === `tab-${id}`;
		tab.ariaSelected = chosen;
		tab.tabIndex = chosen ? 0 : -1;
		byId(tab.getAttribute("aria-controls")).hidden = !chosen;
	}
}

const STEPS = { ArrowRight: 1, ArrowLeft: -1, Home: -Infinity, End: Infinity };

for (const [index, tab] of tabs.entries()) {
	tab.addEventListener("click", () => choose(tab.id.slice("tab-".length)));
	tab.addEventListener("keydown", ({ key }) => {
		if (!(key in STEPS)) return;
		const step = STEPS[key];
		const next = Number.isFinite(step) ? (index + step + tabs.length) % tabs.length : step < 0 ? 0 : tabs.length - 1;
		tabs[next].click();
		tabs[next].focus();
	});
}
