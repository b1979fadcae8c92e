// The panel that shows the request just made as code, to copy.

import { addressOf } from "./api.js";
import { byId, onClick, setText, show } from "./dom.js";

// JSON strings are string literals of Python and JavaScript, too. In a shell's single quotes only those end it.
const CODE = {
	curl: (url, review) => `curl ${quoted(url)} \\
  -H 'content-type: application/json' \\
  --data-raw ${quoted(`{"review": ${review}}`)}`,
	python: (url, review) => `import json
from urllib.request import Request, urlopen

body = json.dumps({"review": ${review}}).encode()
request = Request("${url}", body, {"content-type": "application/json"})
print(json.load(urlopen(request)))`,
	javascript: (url, review) => `const response = await fetch("${url}", {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ review: ${review} }),
});
console.log(await response.json());`,
};

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

let review = "";

/** Shows the request for the verdict on `text`, once the API's address is known. */
export function showRequest(text) {
	review = text;
	const url = addressOf("/predict");
	show("usage", url);
	setText("usage-note", "");
	if (url) setText("code", CODE[byId("language").querySelector(":checked").value](url, JSON.stringify(review)));
}

byId("language").addEventListener("change", () => showRequest(review));
onClick("copy-code", async () => {
	try {
		await navigator.clipboard.writeText(byId("code").textContent);
		setText("usage-note", "Copied.");
	} catch {
		getSelection().selectAllChildren(byId("code"));
		setText("usage-note", "The browser does not allow copying. The code is selected: copy it by the keyboard.");
	}
});
