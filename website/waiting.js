// Waiting as long as the API asks for, in front of the person who waits.

// A serverless endpoint wakes within about a minute; whoever waits for longer should be asked.
const PATIENCE_MS = 180_000;

/**
 * The result of `attempt`, tried again by itself where the API says when to,
 * if `worthWaiting(failure)`. `tell` gets the seconds left, every second, and 0 before each try.
 */
export async function patiently(attempt, worthWaiting, signal, tell) {
	const end = Date.now() + PATIENCE_MS;
	for (;;) {
		try {
			return await attempt();
		} catch (failure) {
			if (!worthWaiting(failure) || Date.now() + failure.again * 1000 > end) throw failure;
			await countDown(failure.again, signal, tell);
			signal.throwIfAborted();
		}
	}
}

/** Calls `tell` with the seconds left until none are, or the signal aborts. */
export async function countDown(seconds, signal, tell) {
	for (let left = seconds; left >= 0 && !signal.aborted; left -= 1) {
		tell(left);
		if (left) await new Promise((resolve) => setTimeout(resolve, 1_000));
	}
}
