// The page: takes a review, tells the person truthfully what is going on, and shows the verdict or why there is none.

import { Failure, loadApiUrl, MAX_REVIEW_CHARACTERS, predict } from "./api.js";

const WORDS_SHOWN = 8;
// Below this a weight would be shown as 0.00.
const LEAST_WEIGHT_SHOWN = 0.005;
const THINKING_AFTER_MS = 1_000;
const SLEEPING_AFTER_MS = 3_000;
// The gateway gives up after 30 seconds; whoever has said nothing by now is not going to.
const GIVE_UP_AFTER_MS = 60_000;

// How sure the model is, by the probability of the side it takes.
const CERTAINTY = [
  [0.97, "Almost certainly"],
  [0.85, "Very likely"],
  [0.65, "Probably"],
  [0, "By a narrow margin"],
];

const ASKING = "Asking the model";

const EXAMPLES = {
  positive:
    "What a joy from the first frame to the last. The two leads are wonderful together, the script is funny without " +
    "ever being cruel, and the ending moved me to tears. One of the best films I have seen in years; I would happily " +
    "watch it again tomorrow.",
  negative:
    "A complete waste of two hours. The plot makes no sense, the dialogue is awful, and the actors look as bored as I " +
    "was. I kept waiting for something, anything, to happen. Nothing did. Avoid it.",
  mixed:
    "The photography is beautiful and the lead gives a brilliant performance, but the story is slow, the second half " +
    "is badly edited and the ending feels forced. I was sometimes enchanted and often bored.",
};

const [form, review, counter, cancel, restore, answer, progress, details, meter, changed] = [
  "form", "review", "counter", "cancel", "restore", "answer", "progress", "details", "meter", "changed",
].map(byId);

let apiUrl = null;
/** The request that the person is waiting for; only that one may write to the page. */
let pending = null;
/** What the person wrote, kept while an example stands in the box. */
let ownText = "";
let judgedText = "";

function byId(id) {
  return document.getElementById(id);
}

function setText(id, text) {
  byId(id).textContent = text;
}

// ---- what the status says ----

function say(state, kicker, headline, explanation, { said, requestId } = {}) {
  answer.dataset.state = state;
  setText("kicker", kicker);
  setText("headline", headline);
  setText("explanation", explanation);
  const repeats = said?.replace(/\.$/, "") === headline;
  const reference = [said && !repeats && `Reason: ${said}`, requestId && `Request ${requestId}`].filter(Boolean);
  setText("reference", reference.join("\n"));
  byId("reference").hidden = reference.length === 0;
  details.hidden = state !== "positive" && state !== "negative";
}

function sayFailure(failure) {
  say("failed", "No verdict", failure.headline, failure.advice, failure);
}

function sayVerdict({ sentiment, probability, words, model }) {
  const share = Math.max(probability, 1 - probability);
  const [, certainty] = CERTAINTY.find(([least]) => share >= least);
  const headline = sentiment === "positive" ? "Positive" : "Negative";
  say(sentiment, "The model says", headline, `${certainty}: ${percent(share)} for ${sentiment}.`);
  meter.setAttribute("aria-valuenow", (probability * 100).toFixed(1));
  meter.setAttribute("aria-valuetext", `${percent(share)} for ${sentiment}`);
  meter.style.setProperty("--probability", probability);
  showWords(words);
  setText("model", model);
}

/** Never 100%: the model is never that sure. */
function percent(share) {
  return share >= 0.995 ? "more than 99%" : `${Math.round(share * 100)}%`;
}

// ---- the words that weighed most ----

function showWords(words) {
  const strongest = strongestWords(words);
  const heaviest = Math.abs(strongest[0]?.weight ?? 1);
  for (const [id, sign] of [["towards-positive", 1], ["towards-negative", -1]]) {
    const items = strongest.filter(({ weight }) => weight * sign > 0).map((word) => wordItem(word, heaviest));
    byId(id).hidden = items.length === 0;
    byId(id).querySelector("ul").replaceChildren(...items);
  }
  setText(
    "words-note",
    strongest.length
      ? "The strongest words of the review. A bar shows how hard a word pushes; repeats are added up."
      : "No word in this review told the model anything.",
  );
}

/** The words with the largest total weight either way; a word's total is over all the times it stands in the review. */
function strongestWords(words) {
  const totals = new Map();
  for (const [word, weight] of words) {
    const key = word.toLowerCase();
    const total = totals.get(key) ?? { word, weight: 0, times: 0 };
    total.weight += weight;
    total.times += 1;
    totals.set(key, total);
  }
  return [...totals.values()]
    .filter(({ weight }) => Math.abs(weight) >= LEAST_WEIGHT_SHOWN)
    .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight))
    .slice(0, WORDS_SHOWN);
}

function wordItem({ word, weight, times }, heaviest) {
  const item = document.createElement("li");
  const name = document.createElement("bdi");
  name.textContent = word;
  const repeats = element("span", "times", times > 1 ? ` ×${times}` : "");
  const bar = element("span", "bar", "");
  bar.style.setProperty("--share", Math.abs(weight) / heaviest);
  const label = element("span", "word", "");
  label.append(name, repeats);
  item.append(label, bar, element("span", "weight", `${weight > 0 ? "+" : "−"}${Math.abs(weight).toFixed(2)}`));
  return item;
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

// ---- asking ----

async function ask() {
  pending?.abort();
  pending = null;
  const text = review.value;
  const problem = problemWith(text);
  if (problem) {
    setBusy(false);
    sayFailure(problem);
    review.focus();
    return;
  }
  const request = (pending = new AbortController());
  const timers = [
    setTimeout(say, THINKING_AFTER_MS, "waiting", ASKING, "Thinking …", "The model is reading your review."),
    setTimeout(
      say, SLEEPING_AFTER_MS, "waiting", ASKING, "Still thinking …",
      "A model that nobody has asked for a while goes to sleep. Waking it may take a minute.",
    ),
    setTimeout(() => request.abort(tooLong()), GIVE_UP_AFTER_MS),
  ];
  request.signal.addEventListener("abort", () => timers.forEach(clearTimeout));
  setBusy(true);
  say("waiting", ASKING, "", "");
  try {
    apiUrl ??= await loadApiUrl(request.signal);
    const verdict = await predict(apiUrl, text, request.signal);
    if (pending === request) {
      judgedText = text;
      sayVerdict(verdict);
      reviewChanged();
    }
  } catch (error) {
    if (pending === request) sayFailure(error instanceof Failure ? error : brokenPage(error));
  } finally {
    timers.forEach(clearTimeout);
    if (pending === request) {
      pending = null;
      setBusy(false);
    }
  }
}

function problemWith(text) {
  const length = characters(text);
  if (!text.trim()) return new Failure("There is no review yet", "Write or paste one, then ask again.");
  if (length > MAX_REVIEW_CHARACTERS) {
    return new Failure(
      "This review is too long",
      `It has ${grouped(length)} characters; at most ${grouped(MAX_REVIEW_CHARACTERS)} can be judged.`,
    );
  }
  return null;
}

function tooLong() {
  return new Failure("No answer for a minute", "The page has stopped waiting. Try again: the model may be awake by now.");
}

function brokenPage(error) {
  console.error(error);
  return new Failure("The page itself failed", "Reload it and try again.", { said: String(error) });
}

function setBusy(busy) {
  if (!busy && document.activeElement === cancel) review.focus();
  // Not on the answer: screen readers keep silent about a live region that is busy.
  form.setAttribute("aria-busy", String(busy));
  progress.hidden = cancel.hidden = !busy;
  // On a small screen the answer stands below the fold.
  byId("status").scrollIntoView({ block: "nearest" });
}

function cancelPending() {
  if (!pending) return;
  pending.abort();
  pending = null;
  setBusy(false);
  say("idle", "No verdict", "Cancelled", "The model’s answer, if one comes, will not be shown.");
}

// ---- the review box ----

/** In code points, as the API counts. */
function characters(text) {
  return [...text].length;
}

function grouped(number) {
  return number.toLocaleString("en");
}

function reviewChanged() {
  const length = characters(review.value);
  counter.textContent = `${grouped(length)} of ${grouped(MAX_REVIEW_CHARACTERS)} characters`;
  counter.classList.toggle("over", length > MAX_REVIEW_CHARACTERS);
  review.setAttribute("aria-invalid", String(length > MAX_REVIEW_CHARACTERS));
  changed.hidden = review.value === judgedText;
}

function fill(text) {
  review.value = text;
  restore.hidden = !ownText || text === ownText;
  reviewChanged();
}

review.addEventListener("input", () => {
  ownText = review.value;
  restore.hidden = true;
  reviewChanged();
});

document.addEventListener("keydown", (event) => {
  // Keys that an input method consumes are its own.
  if (event.isComposing) return;
  if (event.key === "Escape") cancelPending();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    ask();
  }
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
cancel.addEventListener("click", cancelPending);
restore.addEventListener("click", () => {
  fill(ownText);
  review.focus();
});
for (const button of document.querySelectorAll("[data-example]")) {
  button.addEventListener("click", () => {
    fill(EXAMPLES[button.dataset.example]);
    ask();
  });
}

byId("unstarted").remove();
// Browsers keep what was typed before a reload.
ownText = review.value;
reviewChanged();
loadApiUrl().then((url) => (apiUrl = url), (failure) => pending || sayFailure(failure));
