"""Prints stability.golden.jsonl: λ over a hundred epochs, one run a line, from the formula of domain.md ("λ(t)") with 60 digits.

Usage: python3 node/cal/stability.golden.py > node/cal/stability.golden.jsonl
"""

import json
from decimal import Decimal, getcontext

getcontext().prec = 60
MILLION = 1_000_000


def run(seed, kappa, floor):
    state, epochs, lambdas, value = seed, [], [], Decimal("0.7")
    for _ in range(100):
        pair = []
        for _ in range(2):
            # A linear congruence (Knuth's MMIX constants).
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            pair.append(floor + (state >> 16) % (MILLION + 1 - floor))
        epochs.append(pair)
        c, psi = (Decimal(part) / MILLION for part in pair)
        aim = Decimal("0.5") + Decimal("0.4") * c * psi
        value = min(Decimal(1), max(Decimal("0.3"), value + Decimal(kappa) / MILLION * (aim - value)))
        lambdas.append(str((value * MILLION).quantize(Decimal("1e-8"))))
    return {"kappa": kappa, "epochs": epochs, "lambdas": lambdas}


for seed, (kappa, floor) in enumerate([(200_000, 0), (200_000, 800_000), (50_000, 300_000), (MILLION, 0), (20_000, 0)]):
    print(json.dumps(run(seed, kappa, floor), separators=(",", ":")))
