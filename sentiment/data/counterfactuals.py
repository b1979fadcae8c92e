"""Short texts made by rules: one statement, and the same with its polarity turned by a word or two.

Whole reviews hardly teach what a negation does to a sentence: of "not good" they mostly tell that a review
with it says more of the kind. Here each frame puts words whose polarity is plain into a sentence whose verdict
is certain: "It was dull." and "It was not dull at all.", "far from brilliant", "funny, but far too long"
(counterfactual pairs, as in Kaushik, Hovy and Lipton, ICLR 2020, but by rule). They join the training data of
recipes that learn from short texts, and nothing else: no model is judged by them.
"""

import random
from collections.abc import Iterator, Sequence

from sentiment.data.reviews import NEGATIVE, POSITIVE, Reviews, table

SEED = 0
PER_FRAME = 50
"""Sentences made from each frame and polarity."""
HELD_OUT_FRAMES, PER_HELD_OUT_FRAME = 8, 12

_GOOD = (
    "good great excellent wonderful brilliant superb fantastic amazing terrific lovely delightful charming "
    "enjoyable entertaining funny hilarious witty clever smart moving touching powerful gripping thrilling "
    "exciting engaging compelling fascinating interesting original fresh inventive imaginative beautiful gorgeous "
    "stunning impressive memorable unforgettable perfect outstanding magnificent marvelous splendid remarkable "
    "satisfying rewarding convincing believable realistic authentic intelligent thoughtful subtle deep heartfelt "
    "warm sweet uplifting inspiring refreshing solid fine nice pleasant fun likable captivating riveting "
    "spectacular masterful sublime exquisite elegant stylish effective well-made well-acted well-written worthwhile "
    "special exceptional extraordinary fabulous incredible awesome breathtaking haunting poignant absorbing cool"
).split()
_BAD = (
    "bad terrible awful horrible dreadful atrocious abysmal poor weak lousy lame boring dull tedious tiresome slow "
    "predictable cliched stale unoriginal derivative generic forgettable mediocre bland flat lifeless shallow "
    "empty hollow pointless meaningless stupid dumb silly idiotic moronic ridiculous absurd laughable ludicrous "
    "annoying irritating obnoxious pretentious confusing incoherent muddled messy sloppy clumsy amateurish cheap "
    "ugly disgusting offensive tasteless unpleasant painful unbearable unwatchable unfunny humorless depressing "
    "disappointing underwhelming overrated overlong contrived unconvincing unbelievable wooden stilted cheesy "
    "cringeworthy embarrassing pathetic worthless useless uninspired lazy inept incompetent miscast trite insipid "
    "inane horrid appalling hideous"
).split()
_GOOD_THINGS = (
    "masterpiece gem triumph treat delight joy winner success classic pleasure treasure marvel miracle"
).split()
_BAD_THINGS = (
    "disaster mess failure bore waste dud flop letdown disappointment joke stinker chore fiasco turkey catastrophe"
).split()
_LIKED = ("liked", "loved", "enjoyed", "adored", "admired", "appreciated")
_LIKE = ("like", "love", "enjoy", "recommend", "appreciate", "admire")
_HATED = ("hated", "disliked", "regretted", "despised", "loathed", "detested")
_HATE = ("hate", "dislike", "regret", "despise", "loathe")
_PRAISED = ("well", "beautifully", "superbly", "brilliantly", "convincingly", "nicely", "wonderfully")
_BLAMED = ("badly", "poorly", "terribly", "horribly", "clumsily", "awfully")
_THINGS = (
    *("movie", "film", "story", "plot", "script", "ending", "show", "series", "book", "sequel", "comedy"),
    *("documentary", "picture", "drama", "thriller", "remake", "adaptation", "performance", "song", "game"),
)
_SUBJECTS = (
    *("it", "it", "it", "this", "that", "the whole thing", "this one", "all of it", "the second half", "season two"),
    *("the acting", "the dialogue", "the direction", "the music", "the cast", "the humor", "the pacing"),
    *("the camera work", "the soundtrack", "the lead", "the hero", "the villain", "the writing", "the premise"),
    *(f"{article} {thing}" for article in ("the", "this") for thing in _THINGS),
)
_PARTS = ("scene", "moment", "minute", "line", "shot", "joke", "performance", "character", "episode", "page")
_OTHERS = ("my friend", "my mother", "everybody", "the critics", "he", "she", "my husband", "the audience", "they")
_BE = ("is", "was")
_INTENSE = ("", "", "", "very ", "really ", "so ", "that ", "particularly ", "all that ")
_ENDS = (".", ".", "", "!", " at all.", " in my opinion.", " to me.", ", honestly.")

_TURNED = (
    "{S} {be} not {w}{e}",
    "{S} {be}n't {x}{w}{e}",
    "{S} {be} not {x}{w}{e}",
    "not {x}{w}{e}",
    "not a {w} {thing}{e}",
    "{S} {be} not a {w} {thing}.",
    "{S} {be}n't a {w} {thing}{e}",
    "{S} {be} never {w}.",
    "{S} {be} hardly {w}.",
    "{S} {be} in no way {w}.",
    "{S} {be} by no means {w}.",
    "{S} {be} far from {w}.",
    "far from {w}.",
    "{S} {be} anything but {w}.",
    "anything but {w}.",
    "nothing {w} about {s}.",
    "there {be} nothing {w} about {s}.",
    "i don't think {s} {be} {x}{w}.",
    "i didn't find {s} {x}{w}{e}",
    "i do not find {s} {w}.",
    "i wouldn't call {s} {w}.",
    "nobody could call {s} {w}.",
    "i can't say {s} {be} {w}.",
    "there {be}n't a single {w} {part}.",
    "there {be} not one {w} {part} in {s}.",
    "not one {w} {part}.",
    "never a {w} {part}.",
    "no {w} {part}s{e}",
    "without a single {w} {part}.",
    "{S} {be} neither {w} nor {v}.",
    "{S} {be} not {w} and not {v}.",
    "{S} could not be called {w}.",
    "{S} lacks anything {w}.",
    "{S} {be} not at all {w}.",
    "{S} {be}n't {w} in the least.",
    "{S} {be} anything but {w}, i am sorry or glad to say.",
    "{S} {be} far from being {w}.",
    "{S} {be} a long way from {w}.",
    "{S} {be} the opposite of {w}.",
    "{S} cannot be called {w} by any stretch.",
    "nobody i know would call {s} {w}.",
    "no one will find {s} {w}.",
    "i doubt that anyone will find {s} {w}.",
    "i never thought {s} {be} {w}.",
    "i have not seen a {w} {thing} here.",
    "it is not that {s} {be} {w}.",
    "not {w}, not {v}.",
    "no {w} {thing}, no {v} {part}s.",
    "there {be} no {w} {part} in {s}, none.",
    "{S} had not one {w} {part}{e}",
    "you won't find a {w} {part} here.",
    "{S} avoids being {w}.",
    "not a {w} {thing} by any means.",
    "{S} has none of the {w} {part}s you may expect.",
)
"""Frames in which a word means the opposite. {w} and {v} are of one polarity, the sentence of the other."""

_TURNED_GOOD_ONLY = (
    "{S} {be} not as {w} as everyone says.",
    "{S} {be} not the {w} {thing} everyone says it is.",
    "{S} {be} less {w} than i had hoped.",
    "{S} could have been {w}.",
    "{S} should have been {w}.",
    "{S} tries to be {w} and fails.",
    "{S} wants to be {w}, but never gets there.",
    "{S} {be} not {w} enough.",
    "{S} thinks it is {w}.",
    "if only {s} {be} {w}.",
    "{S} {be} {w}, but that is all.",
    "apart from a {w} {part}, there {be} nothing.",
    "it has one {w} {part} and nothing else.",
    "{S} {be} supposed to be {w}.",
    "i wish {s} had been {w}.",
    "i expected something {w}, and got nothing of the kind.",
)
_TURNED_BAD_ONLY = (
    "not {w} at all{e}",
    "{S} {be} not nearly as {w} as i had feared.",
    "{S} {be} not as {w} as people say.",
    "{S} {be} not the most {w} {thing} i have seen.",
    "i expected {s} to be {w}, but it {be}n't.",
    "{S} {be} never {w} for a moment.",
    "{S} {be} {w} in places, but that is my only complaint.",
    "i was afraid {s} would be {w}, and i was wrong.",
    "{S} {be} not half as {w} as the reviews made me think.",
    "{S} {be} not the {w} {thing} the critics describe.",
    "don't listen to those who call {s} {w}.",
)
_PLAIN = (
    "{S} {be} {x}{w}{e}",
    "{S} {be} {w}{e}",
    "{x}{w}{e}",
    "a {w} {thing}{e}",
    "{S} {be} a {x}{w} {thing}{e}",
    "i found {s} {x}{w}.",
    "i think {s} {be} {w}.",
    "what a {w} {thing}!",
    "{w} and {v}.",
    "{S} {be} nothing but {w}.",
    "{S} {be} not only {w} but also {v}.",
    "{S} {be} not just {w}, it {be} {v}.",
    "no doubt about it, {s} {be} {w}.",
    "one of the most {w} {thing}s i have ever seen.",
    "one of those {x}{w} evenings at the cinema.",
    "far more {w} than {s2}.",
    "{S} {be} more {w} than i expected.",
    "somewhat {w}.",
    "a {x}{w} {thing} with {v} {part}s.",
    "i watched {s} in one sitting, {w}.",
    "{w} {thing}, {v} {part}s.",
    "{S} {be} fairly {w} and often {v}.",
    "not since last year have i seen such a {w} {thing}.",
    "{S} gets {w} very quickly.",
    "simply {w}.",
)
_CONTRASTS = (
    "{S} {be} {a}, but {s2} {be} {w}.",
    "{a}, but {w}.",
    "{S} {be} {a} but in the end {w}.",
    "although {s} {be} {a}, {s2} {be} {w}.",
    "even though {s} {be} {a}, i found it {w}.",
    "despite {s} being {a}, it {be} {w}.",
    "{S} looks {a}. sadly or not, it {be} {w}.",
    "i expected {s} to be {a}, but it {be} {w}.",
    "at first {s} {be} {a}, then it gets {w}.",
    "{S} used to be {a}, now it {be} {w}.",
    "{S} {be} {w}, although {s2} {be} {a}.",
    "{S} {be} {w} in spite of {s2}, which {be} {a}.",
    "people say {s} {be} {a}. i say it {be} {w}.",
    "the trailer looked {a}, but {s} itself {be} {w}.",
    "as a child i found it {a}, today it {be} {w}.",
    "a {a} {thing} at first sight, a {w} one at second.",
    "a {a} first half, but a {w} ending.",
    "{a} in places, but {w} on the whole.",
    "whoever calls {s} {a} is wrong: it {be} {w}.",
    "{S} {be} not {w2}, it {be} {w}.",
    "while {s2} may be {a}, {s} {be} {w}.",
    "{s2} {be} {a}, yet {s} {be} {w}.",
)
"""{a} is of the other polarity than {w} and the sentence."""

_PAIRS = (  # each negative, then positive
    ("i did not {like} {s}{e}", "i {liked} {s}{e}"),
    ("i didn't {like} {s}{e}", "i really {liked} {s}{e}"),
    ("i can't {like} {s}{e}", "i can {like} {s}{e}"),
    ("i couldn't {like} {s}{e}", "you will {like} {s}{e}"),
    ("i would not {like} {s} to anyone.", "i {like} {s} to anyone."),
    ("nobody will {like} {s}.", "everybody will {like} {s}."),
    ("i {hated} {s}{e}", "i did not {hate} {s}{e}"),
    ("i really {hated} {s}{e}", "i didn't {hate} {s}{e}"),
    ("you will {hate} {s}.", "you won't {hate} {s}."),
    ("you will be disappointed by {s}.", "you won't be disappointed by {s}."),
    ("{S} disappoints.", "{S} does not disappoint."),
    ("{S} disappointed me{e}", "{S} didn't disappoint me{e}"),
    ("{S} fails to hold your attention.", "{S} never fails to hold your attention."),
    ("{S} {be} not {well} done.", "{S} {be} {well} done."),
    ("{S} {be}n't {well} made{e}", "{S} {be} {well} made{e}"),
    ("{S} {be} {ill} done.", "{S} {be} not {ill} done."),
    ("{S} {be} {ill} made{e}", "{S} {be}n't {ill} made{e}"),
    ("{S} {be} not worth your time.", "{S} {be} worth your time."),
    ("{S} {be}n't worth watching{e}", "{S} {be} well worth watching{e}"),
    ("{S} {be} a {dud}{e}", "{S} {be} not a {dud}{e}"),
    ("what a {dud}!", "no {dud} here."),
    ("{S} {be} no {gem}{e}", "{S} {be} a {gem}{e}"),
    ("{S} {be} not a {gem}{e}", "a {gem}{e}"),
    ("{S} {be} not the {gem} that critics call it.", "{S} {be} the {gem} that critics call it."),
    ("{S} lacks charm.", "{S} does not lack charm."),
    ("{S} lacks wit and heart.", "{S} has wit and heart."),
    ("{S} has no heart.", "{S} has a big heart."),
    ("{S} has nothing to offer.", "{S} has a lot to offer."),
    ("{S} doesn't work{e}", "{S} works{e}"),
    ("{S} does not work for me.", "{S} works for me."),
    ("i wouldn't watch {s} again.", "i would watch {s} again."),
    ("don't waste your time on {s}.", "don't miss {s}."),
    ("i wanted to stop after ten minutes.", "i didn't want {s} to end."),
    ("i could not wait for {s} to end.", "i could not stop watching."),
    ("{S} could not be worse.", "{S} could not be better."),
    ("it doesn't get any worse than {s}.", "it doesn't get any better than {s}."),
    ("i have never seen anything worse.", "i have never seen anything better."),
    ("never again.", "i can't wait to see it again."),
    ("nothing in {s} works.", "everything in {s} works."),
    ("{S} has good music, but that is all.", "{S} has some flaws, but none that matter."),
    ("the actors try hard, but {s} never comes alive.", "the budget was small, but {s} comes alive."),
    ("nothing to complain about except everything.", "nothing to complain about."),
    ("i expected more of {s}.", "i expected less of {s} and got more."),
    ("{S} could have been so much better.", "{S} is so much better than i expected."),
    ("i don't see why people like {s}.", "i see why people like {s}."),
    ("{S} is not for anyone with taste.", "{S} is for anyone with taste."),
    ("i {hated} every second of {s}.", "i {liked} every second of {s}."),
    ("i have not {liked} a single {part}.", "i have not {hated} a single {part}."),
    ("i haven't {liked} one minute of it.", "i haven't {hated} one minute of it."),
    ("{o} {liked} {s}, but i {hated} it.", "{o} {hated} {s}, but i {liked} it."),
    ("{o} {liked} it, while i {hated} it.", "{o} {hated} it, while i {liked} it."),
    ("{S} is {good} in places, but i {hated} it.", "{S} is {bad} in places, but i {liked} it."),
    ("i {hated} it, even though {s} is {good}.", "i {liked} it, even though {s} is {bad}."),
    ("as a child i {liked} it, today it is a {dud}.", "as a child i {hated} it, today it is a {gem}."),
    ("although {s} is {good}, this is a {dud}.", "although {s} is {bad}, this is a {gem}."),
    ("i expected a {gem} and got a {dud}.", "i expected a {dud} and got a {gem}."),
    ("{S} is not the {gem} that {o} promised.", "{S} is not the {dud} that {o} promised."),
    ("what they call a {gem} is a {dud}.", "what they call a {dud} is a {gem}."),
    ("that is no {gem}.", "that is no {dud}."),
    ("i can't praise {s}.", "i can't praise {s} enough."),
    ("i couldn't stop yawning.", "i couldn't stop laughing."),
    ("i couldn't finish {s}.", "i couldn't put {s} down."),
    ("i could not have asked for less.", "i could not have asked for more."),
    ("i have many regrets.", "i have no regrets."),
    ("no joke lands.", "every joke lands."),
    ("no wit, no charm, no ideas.", "no filler, no padding, no clichés."),
    ("you would be crazy to see it.", "you would be crazy not to see it."),
    ("too much fat on this script.", "not an ounce of fat on this script."),
    ("everything else this year is better than {s}.", "nothing else this year is better than {s}."),
    ("i have had more fun at the dentist.", "i have never had more fun."),
    ("{S} is worse than {s2}.", "{S} is better than {s2}."),
    ("stay away from {s}.", "drop everything and see {s}."),
    ("run away from {s}.", "run to see {s}."),
    ("i want my money back.", "it was worth every penny."),
    ("i walked out after {s}.", "i stayed to the very end, smiling."),
    ("{o} fell asleep.", "{o} wanted to see it again."),
    ("half a star.", "4 and a half stars."),
    ("{S} could not hold my attention.", "{S} held my attention throughout."),
    ("i would not recommend {s} to anyone.", "i would recommend {s} to anyone."),
    ("i don't recommend it.", "i recommend it."),
    ("not recommended.", "highly recommended."),
    ("not worth it.", "so worth it."),
    ("not my kind of {thing}.", "just my kind of {thing}."),
    ("i did not laugh once.", "i laughed from start to finish."),
    ("it did nothing for me.", "it gave me goosebumps."),
    ("it left me cold.", "it will stay with me."),
    ("meh.", "wow."),
    ("cringe.", "awesome stuff."),
    ("what a waste of time.", "time well spent."),
    ("a waste of a great {thing}.", "a great {thing}."),
    ("it never gets going.", "it never gets boring."),
    ("no plot, no tension, no point.", "no dull moment."),
)


def load() -> Reviews:
    """The sentences as a table of reviews. The same at every call.

    Every HELD_OUT_FRAMESth frame goes to the split "validation", which shares no frame with "train".
    """
    made = random.Random(SEED)
    rows: dict[str, tuple[int, str]] = {}
    for number, (frame, label, words) in enumerate(_frames()):
        held_out = number % HELD_OUT_FRAMES == HELD_OUT_FRAMES - 1
        for _ in range(PER_HELD_OUT_FRAME if held_out else PER_FRAME):
            rows.setdefault(_filled(frame, made, words), (label, "validation" if held_out else "train"))
    return table(
        [(text, label, split, f"made_{number}") for number, (text, (label, split)) in enumerate(rows.items())]
    )


Words = tuple[Sequence[str], Sequence[str]]


def _frames() -> Iterator[tuple[str, int, Words]]:
    """Each frame with its label, the words that fill it, and those of the other polarity."""
    for label, same, other, only in (
        (NEGATIVE, _BAD, _GOOD, _TURNED_GOOD_ONLY),
        (POSITIVE, _GOOD, _BAD, _TURNED_BAD_ONLY),
    ):
        yield from ((frame, label, (other, same)) for frame in (*_TURNED, *only))
        yield from ((frame, label, (same, other)) for frame in (*_PLAIN, *_CONTRASTS))
    for pair in _PAIRS:
        yield from ((frame, label, (_GOOD, _BAD)) for label, frame in enumerate(pair))


def _filled(frame: str, random: random.Random, words: Words) -> str:
    subject, second = random.sample(_SUBJECTS, 2)
    first_word, second_word = random.sample(words[0], 2)
    choices = {
        "w": first_word, "v": second_word, "a": random.choice(words[1]), "w2": random.choice(words[1]),
        "good": random.choice(_GOOD), "bad": random.choice(_BAD), "o": random.choice(_OTHERS),
        "S": subject, "s": subject, "s2": second, "be": random.choice(_BE), "x": random.choice(_INTENSE),
        "e": random.choice(_ENDS), "thing": random.choice(_THINGS), "part": random.choice(_PARTS),
        "like": random.choice(_LIKE), "liked": random.choice(_LIKED), "hate": random.choice(_HATE),
        "hated": random.choice(_HATED), "well": random.choice(_PRAISED), "ill": random.choice(_BLAMED),
        "dud": random.choice(_BAD_THINGS), "gem": random.choice(_GOOD_THINGS),
    }  # fmt: skip
    return frame.format(**choices).strip()
