"""Prints measure.golden.jsonl: epochs as the chain and the reports tell of them, and what they measure, one case a line.

Written from the formulas of domain.md ("CAL", "λ(t)") over real numbers, with 60 digits, apart from the code that it checks.
Ω is defined in millionths and so exact; all that comes from it is not rounded here.

Usage: python3 node/cal/measure.golden.py > node/cal/measure.golden.jsonl
"""

import json
from decimal import Decimal, getcontext
from fractions import Fraction
from itertools import combinations

getcontext().prec = 60
MILLION = 1_000_000


class Chance:
    """A linear congruence (Knuth's MMIX constants): the same on every Python."""

    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 16) % bound


def real(fraction):
    return Decimal(fraction.numerator) / Decimal(fraction.denominator)


def median(voices):
    """The least value that half of the weight does not exceed."""
    total = sum(weight for _, weight in voices)
    return min(value for value, _ in voices if 2 * sum(w for v, w in voices if v <= value) >= total)


def reported(voices, possible_weight, last):
    given = sum(weight for _, weight in voices)
    if not voices or Fraction(given, possible_weight) < Fraction(2, 3):
        return last
    return median(voices)


def omega(case, j):
    weight = dict(case["members"])
    outcomes, last = case["outcomes"][str(j)], case["before"][str(j)]
    carried = sum(outcomes.count(mark) for mark in "tlC")
    dissenting = case["dissenting"][str(j)]
    others = [i for i in weight if i != j]
    about = {r: (t, a, m) for r, s, t, a, m in case["reports"] if s == j}
    sharing = [i for i in case["neighbours"][str(j)] if i != j]

    def component(index, possible):
        voices = [(about[i][index], weight[i]) for i in possible if i in about and about[i][index] is not None]
        return reported(voices, sum(weight[i] for i in possible) or 1, last[[1, 4, 3][index]])

    return [
        MILLION * carried // len(outcomes) if outcomes else last[0],
        component(0, others),
        MILLION * (carried - dissenting) // carried if carried else last[2],
        MILLION if len(sharing) < 3 else component(2, sharing),
        component(1, others),
    ]


def dot(x, y):
    return sum(a * b for a, b in zip(x, y))


def size(x):
    return (Decimal(dot(x, x)) / Decimal(5)).sqrt() / MILLION


def alignment(x, y):
    """cos(x, y) · min(1, |x|/|y|, |y|/|x|), in that form."""
    if not any(x) or not any(y):
        return Decimal(0)
    length_x, length_y = Decimal(dot(x, x)).sqrt(), Decimal(dot(y, y)).sqrt()
    cosine = Decimal(dot(x, y)) / (length_x * length_y)
    return cosine * min(Decimal(1), length_x / length_y, length_y / length_x)


def entropy(outcomes):
    """−Σ p·log p / log 4 over timely, late, missed, conflicting."""
    counts = [outcomes.count("t"), outcomes.count("l"), outcomes.count("m"), outcomes.count("c") + outcomes.count("C")]
    shares = [Decimal(count) / len(outcomes) for count in counts if count > 0]
    return -sum((p * p.ln() for p in shares), Decimal(0)) / Decimal(4).ln()


def variance(outcomes):
    if len(outcomes) < 8:
        return Decimal(0)
    windows = [[] for _ in range(8)]
    for at, mark in enumerate(outcomes):
        windows[8 * at // len(outcomes)].append(mark)
    shares = [Fraction(window.count("t"), len(window)) for window in windows]
    mean = sum(shares) / 8
    return real(4 * sum((share - mean) ** 2 for share in shares) / 8)


def coherence(omegas):
    pairs = list(combinations(omegas, 2))
    if not pairs:
        return None
    return sum(alignment(x, y) * min(size(x), size(y)) for x, y in pairs) / len(pairs)


def measured(case):
    ids = [i for i, _ in case["members"]]
    weight = dict(case["members"])
    total = sum(weight.values())
    omegas = {i: omega(case, i) for i in ids}
    reference = [median([(omegas[i][part], weight[i]) for i in ids]) for part in range(5)]
    standings = {}
    for i in ids:
        outcomes = case["outcomes"][str(i)]
        a = alignment(omegas[i], reference) * size(omegas[i])
        h = entropy(outcomes) if outcomes else Decimal(0)
        v = variance(outcomes)
        psi = max(Decimal(0), a - ((1 - a) + h / 2 + 3 * v / 10))
        standings[i] = {"omega": omegas[i], "size": size(omegas[i]), "a": a, "h": h, "v": v, "psi": psi}
    ranked = sorted(ids, key=lambda i: (-standings[i]["psi"], i))
    quorum = []
    while 3 * sum(weight[i] for i in quorum) <= 2 * total:
        quorum.append(ranked[len(quorum)])
    return {
        "reference": reference,
        "standings": standings,
        "coherence": coherence([omegas[i] for i in ids]),
        "meanPsi": sum(weight[i] * standings[i]["psi"] for i in ids) / total,
        "quorumCoherence": coherence([omegas[i] for i in quorum]),
    }, ranked


def told(value):
    """Shares as millionths with eight digits behind the point."""
    if isinstance(value, Decimal):
        return str((value * MILLION).quantize(Decimal("1e-8")))
    if isinstance(value, dict):
        return {str(key): told(one) for key, one in value.items()}
    return value


def epoch(seed, validators, blocks, trouble):
    """Trouble from 0 to 100: how much goes wrong, more for higher ids."""
    chance = Chance(seed)
    ids, at = [], 0
    for _ in range(validators):
        at += 1 + chance.below(3)
        ids.append(at)
    outcomes, dissenting = {}, {}
    for rank, i in enumerate(ids):
        marks = "".join(
            "t" if chance.below(100) >= trouble * (rank + 1) // validators else "lmmlcCmt"[chance.below(8)]
            for _ in range(blocks)
        )
        outcomes[str(i)] = marks
        carried = sum(marks.count(mark) for mark in "tlC")
        dissenting[str(i)] = chance.below(carried + 1) * trouble // 200 if carried else 0
    share = lambda rank: MILLION - chance.below(MILLION) * trouble * (rank + 1) // (100 * validators)
    reports = [
        [r, s, share(rank), share(rank), None if chance.below(10) == 0 else share(rank)]
        for r in ids
        for rank, s in enumerate(ids)
        if r != s and chance.below(100) >= trouble // 3
    ]
    return {
        "members": [[i, 1 + chance.below(1_000_000)] for i in ids],
        "outcomes": outcomes,
        "dissenting": dissenting,
        "reports": reports,
        "neighbours": {str(i): [j for j in ids if j != i and chance.below(4) > 0] for i in ids},
        "before": {str(i): [chance.below(MILLION + 1) for _ in range(5)] for i in ids},
    }


def close_ranks(ranked, standings):
    """Whether two ranks are so close that rounding may turn them round."""
    gaps = [standings[a]["psi"] - standings[b]["psi"] for a, b in zip(ranked, ranked[1:])]
    return any(0 < gap * MILLION < 10 for gap in gaps)


seed = 1
for validators, blocks in [(1, 64), (2, 9), (3, 8), (4, 7), (4, 64), (5, 100), (7, 61), (10, 64), (13, 30)]:
    for trouble in (0, 5, 20, 60, 100):
        while True:
            seed += 1
            case = epoch(seed, validators, blocks, trouble)
            expected, ranked = measured(case)
            if not close_ranks(ranked, expected["standings"]):
                break
        print(json.dumps({"case": case, "expected": told(expected)}, separators=(",", ":")))
