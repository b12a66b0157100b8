"""Prints integer-math.table.txt: square roots and base-2 logarithms with 32 fractional bits, from 200 decimal digits.

Usage: python3 node/base/integer-math.table.py > node/base/integer-math.table.txt
"""

from decimal import ROUND_FLOOR, Decimal, getcontext

getcontext().prec = 200
LN2 = Decimal(2).ln()


def floor(value):
    return int(value.to_integral_value(rounding=ROUND_FLOOR))


def log2_fixed(value):
    if value & (value - 1) == 0:
        return (value.bit_length() - 1) << 32
    return floor(Decimal(value).ln() / LN2 * 2**32)


def arguments():
    yield from range(0, 65)
    for exponent in range(7, 129):
        yield from (2**exponent - 1, 2**exponent, 2**exponent + 1)
    for root in (10**3, 10**6, 2**31 - 1, 2**32 + 15, 10**12 + 39, 2**63 + 29):
        yield from (root**2 - 1, root**2, root**2 + 1, root * (root + 1))
    # A linear congruence (Knuth's MMIX constants) spreads the rest over all sizes.
    state = 1
    for index in range(200):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        yield (state * (state ^ 0x9E3779B97F4A7C15)) >> (index % 127)


for argument in sorted(set(arguments())):
    log2 = log2_fixed(argument) if argument > 0 else "-"
    print(argument, floor(Decimal(argument).sqrt()), log2)
