// A link that carries a review in its fragment: deflated, in URL-safe base64. Browsers send fragments to no server.

import { characters } from "./dom.js";
import { LIMITS } from "./api.js";
import { Failure } from "./failure.js";

const NAME = "#review=";
// Browsers take far longer addresses; messengers and mail programs break them sooner.
const MAX_ENCODED = 16_000;
const MAX_BYTES = 4 * LIMITS.characters;

/** The link to this page with `review` in it; null where it would be too long. */
export async function linkTo(review) {
	const bytes = await piped(new TextEncoder().encode(review), new CompressionStream("deflate-raw"), Infinity);
	if (bytes.length > (MAX_ENCODED * 3) / 4) return null;
	const encoded = btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
	return location.href.split("#")[0] + NAME + encoded;
}

/** The review that this page was opened with, or null; it is taken out of the address. Throws Failure. */
export async function takeSharedReview() {
	const { hash } = location;
	if (!hash.startsWith(NAME)) return null;
	history.replaceState(null, "", location.href.split("#")[0]);
	try {
		const encoded = hash.slice(NAME.length);
		if (encoded.length > MAX_ENCODED) throw new RangeError("too long");
		const deflated = Uint8Array.from(atob(encoded.replaceAll("-", "+").replaceAll("_", "/")), (sign) => sign.charCodeAt(0));
		const bytes = await piped(deflated, new DecompressionStream("deflate-raw"), MAX_BYTES);
		const review = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
		if (characters(review) > LIMITS.characters) throw new RangeError("too long");
		return review;
	} catch {
		throw new Failure("This link is damaged", "The review in it cannot be read. Ask for the link once more, whole.");
	}
}

/** `bytes` through a transform stream; it is given up where more than `limit` bytes come out of it. */
async function piped(bytes, transform, limit) {
	const reader = new Blob([bytes]).stream().pipeThrough(transform).getReader();
	const chunks = [];
	let size = 0;
	for (let part = await reader.read(); !part.done; part = await reader.read()) {
		size += part.value.length;
		if (size > limit) {
			await reader.cancel();
			throw new RangeError("too long");
		}
		chunks.push(part.value);
	}
	return new Uint8Array(await new Blob(chunks).arrayBuffer());
}
