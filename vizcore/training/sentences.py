"""What the speech network learns to hear: a few hundred words, and simple sentences made of them."""

import random

WORDS = {
    "digit": "zero one two three four five six seven eight nine ten",
    "adjective": "red green blue black white yellow small big old new quiet loud warm cold happy lazy quick brown "
    "strange bright dark evil best worst",
    "animal": "cat dog bird horse fish lion bear mouse owl fox sheep panda koala ostrich gibbon elephant tiger rabbit",
    "person": "doctor teacher mother father child friend king queen woman student farmer brother sister pilot",
    "place": "house garden river mountain city school kitchen station market beach forest bridge street museum hotel "
    "office bank",
    "thing": "door window table book letter phone light car train boat bread coffee water apple cheese music song "
    "story picture camera computer password file message money television radio lamp network bus paper",
    "does": "sees likes wants finds opens closes reads buys sells hears paints follows loves takes brings",
    "command": "open close call send delete play stop start lock unlock read write buy find show hide break",
    "weather": "rain snow sun wind moon storm",
    "where": "in under over near behind at from with without",
    "day": "monday tuesday wednesday thursday friday saturday sunday today tomorrow",
    "time": "morning evening night afternoon",
    "small": "the a this that my your our i you we they he she it is was are not and to on off for of please now never "
    "always again okay hey browse go turn dot com times number pay all yes no here there what who",
}
LISTS = {kind: words.split() for kind, words in WORDS.items()}
TEMPLATES = (
    "the {adjective} {animal} is {where} the {place}",
    "a {adjective} {animal} {does} the {thing}",
    "the {person} {does} a {adjective} {thing}",
    "my {person} {does} the {thing} {where} the {place}",
    "i see {digit} {adjective} {animal}s",
    "we are {where} the {place} now",
    "please {command} the {thing}",
    "please {command} my {adjective} {thing} now",
    "turn {onoff} the {thing} in the {place}",
    "turn {onoff} the {adjective} {thing}",
    "okay {thing} {command} the {thing}",
    "hey computer {command} all {thing}s",
    "okay browse to {adjective} dot com",
    "browse to {thing} dot com",
    "go to the {place} on {day}",
    "call your {person} on {day} {time}",
    "send {digit} {thing}s to the {person}",
    "pay {digit} {digit} {digit} to my {person}",
    "my number is {digit} {digit} {digit} {digit}",
    "it was the {adjective} of times",
    "the {weather} was {adjective} {day}",
    "{day} {time} at {digit}",
    "no {person} {does} this {animal}",
    "who is {where} the {adjective} {place}",
    "this is not a {thing}",
    "never {command} the {adjective} {animal}",
    "they are always {where} our {place}",
    "what {does} the {animal} {where} the {place}",
    "{command} the {thing} and {command} the {place}",
)


def vocabulary() -> list[str]:
    """All words there are, in the order of the alphabet.

    >>> len(vocabulary()), vocabulary()[:3]
    (221, ['a', 'afternoon', 'again'])
    """
    return sorted({word for words in LISTS.values() for word in words})


def lexicon() -> list[str]:
    """All words that a sentence can have, in the order of the alphabet: those of the vocabulary, plurals, and a few
    that only templates say.

    >>> len(lexicon()), sorted(set(lexicon()) - set(vocabulary()))[:3]
    (271, ['apples', 'bears', 'birds'])
    """
    found = set(vocabulary())
    for word in " ".join(TEMPLATES).split():
        if word.startswith("{"):
            kind, ending = word[1:].split("}")
            found |= {each + ending for each in LISTS.get(kind, ())}  # on and off are in the vocabulary
        else:
            found.add(word)
    return sorted(found)


def sentence(draw: random.Random) -> str:
    """A sentence of one of the templates or, one time in four, two to five words in no order.

    >>> sentence(random.Random(1))
    'file my'
    """
    if draw.random() < 0.25:
        return " ".join(draw.choices(vocabulary(), k=draw.randint(2, 5)))
    words, text = LISTS | {"onoff": ["on", "off"]}, draw.choice(TEMPLATES)
    while "{" in text:
        kind = text[text.index("{") + 1 : text.index("}")]
        text = text.replace("{" + kind + "}", draw.choice(words[kind]), 1)
    return text


def sentences(many: int, seed: int, without: frozenset[str] = frozenset()) -> list[str]:
    """So many different sentences, none of which is in `without`.

    >>> len(set(sentences(50, 0)))
    50
    """
    draw, found = random.Random(seed), {}
    while len(found) < many:
        if (text := sentence(draw)) not in without:
            found[text] = None
    return list(found)
