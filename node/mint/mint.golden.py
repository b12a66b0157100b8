"""Prints mint.golden.jsonl: mints and what they issue, one a line, from the formulas of domain.md ("Minting") as fractions.

Shares here follow from unrounded r, budget and totals; only what each gets is not a whole number, so the code differs by
less than its own roundings.

Usage: python3 node/mint/mint.golden.py > node/mint/mint.golden.jsonl
"""

import json
from decimal import Decimal, getcontext
from fractions import Fraction

getcontext().prec = 60
MILLION = 1_000_000
PERCENT = {"FLX": 100, "CHR": 50, "ATR": 25, "PSY": 10, "RES": 5}


class Chance:
    """A linear congruence (Knuth's MMIX constants): the same on every Python."""

    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 16) % bound


def part(value):
    return Fraction(value, MILLION)


def issued(case):
    tenth = Fraction(1, 10)
    factor = (
        4 * tenth * part(case["coherence"]) / (8 * tenth)
        + 3 * tenth * part(case["lambda"]) / (7 * tenth)
        + 3 * tenth * part(case["meanPsi"]) / (9 * tenth)
    )
    budget = 100 * MILLION * min(Fraction(2), max(Fraction(1, 2), factor))
    highest = case["highest"]
    steady = [
        (i, weight, part(psi), Fraction(recent, highest) if highest else Fraction(1))
        for i, weight, psi, recent in case["candidates"]
        if psi >= 750_000
    ]
    reputation = {i: psi for i, _, psi, _ in steady}
    flow = {
        i: weight * (5 * tenth + 5 * tenth * psi) * (8 * tenth + 4 * tenth * r)
        for i, weight, psi, r in steady
        if r >= 6 * tenth
    }
    issues = {}
    for token, percent in PERCENT.items():
        total = min(budget * percent / 100, Fraction(case["headroom"][token]))
        claims = reputation if token == "CHR" else flow
        if claims and total >= 1:
            whole = sum(claims.values())
            shares = {str(i): told(total * claim / whole) for i, claim in claims.items()}
            issues[token] = {"total": told(total), "shares": shares}
    return {"budget": told(budget), "issues": issues}


def told(fraction):
    return str((Decimal(fraction.numerator) / Decimal(fraction.denominator)).quantize(Decimal("1e-8")))


def draw(seed):
    chance = Chance(seed)
    scale = [1, 10**3, 10**9, 10**15][chance.below(4)]
    candidates = []
    for at in range(chance.below(12)):
        psi = chance.below(MILLION + 1) if chance.below(3) == 0 else 700_000 + chance.below(300_001)
        recent = scale * (chance.below(1000) + 500) if seed % 5 else 0
        candidates.append([7 * at + chance.below(7), 1 + chance.below(MILLION), psi, recent])
    return {
        "coherence": chance.below(MILLION + 1),
        "lambda": 300_000 + chance.below(700_001),
        "meanPsi": chance.below(MILLION + 1),
        "highest": max([recent for *_, recent in candidates], default=0) * (10 + chance.below(4)) // 10,
        "candidates": candidates,
        "headroom": {token: str(10**9 if chance.below(5) else chance.below(10**7)) for token in PERCENT},
    }


for seed in range(1, 61):
    case = draw(seed)
    print(json.dumps({"case": case, "expected": issued(case)}, separators=(",", ":")))
