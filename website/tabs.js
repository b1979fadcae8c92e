// The tabs of the page, by the ARIA pattern: one tab stop, arrow keys choose.

import { show, stepByKeys } from "./dom.js";

const list = document.querySelector("[role=tablist]");

/** Opens the panel of this id. */
export function choose(id) {
	for (const tab of list.children) {
		const panel = tab.getAttribute("aria-controls");
		const chosen = panel === id;
		tab.ariaSelected = chosen;
		tab.tabIndex = chosen ? 0 : -1;
		show(panel, chosen);
	}
}

const chooseTab = (tab) => choose(tab.getAttribute("aria-controls"));

for (const tab of list.children) tab.addEventListener("click", () => chooseTab(tab));
stepByKeys(list, "[role=tab]", chooseTab);
