// A link that carries a review in its fragment: deflated, in URL-safe base64. Browsers send fragments to no server.

import { characters } from "./dom.js";
import { LIMITS } from "./api.js";
import { Failure } from "./failure.js";

const NAME = "#review=";
// Browsers take far longer addresses; messengers and mail programs break them sooner.
const MAX_ENCODED = 16_000;

const pageAddress = () => location.href.split("#")[0];

/** The link to this page with `review` in it; null where it would be too long. */
export async function linkTo(review) {
	const bytes = await through(new CompressionStream("deflate-raw"), new TextEncoder().encode(review));
	if (bytes.length > (MAX_ENCODED * 3) / 4) return null;
	const encoded = btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
	return pageAddress() + NAME + encoded;
}

/** The review that this page was opened with, or null; it is taken out of the address. Throws Failure. */
export async function takeSharedReview() {
	const { hash } = location;
	if (!hash.startsWith(NAME)) return null;
	history.replaceState(null, "", pageAddress());
	try {
		const encoded = hash.slice(NAME.length);
		// So short a one unpacks to 13 MB at most, which a browser can take.
		if (encoded.length > MAX_ENCODED) throw new RangeError("too long");
		const deflated = Uint8Array.from(atob(encoded.replaceAll("-", "+").replaceAll("_", "/")), (sign) => sign.charCodeAt(0));
		const bytes = await through(new DecompressionStream("deflate-raw"), deflated);
		const review = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
		if (characters(review) > LIMITS.characters) throw new RangeError("too long");
		return review;
	} catch {
		throw new Failure("This link is damaged", "The review in it cannot be read. Ask for the link once more, whole.");
	}
}

async function through(transform, bytes) {
	const stream = new Blob([bytes]).stream().pipeThrough(transform);
	return new Uint8Array(await new Response(stream).arrayBuffer());
}
