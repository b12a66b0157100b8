"""Prints welch.golden.jsonl: pairs of series and their magnitude-squared coherence as SciPy computes it, one pair a line.

Usage, with SciPy installed anywhere (written with 1.17): python3 node/cal/welch.golden.py > node/cal/welch.golden.jsonl
"""

import json

import numpy
from scipy.signal import coherence


def noise(seed, length):
    """A linear congruence (Knuth's MMIX constants): sums of four draws, so nearly normal, in hundredths."""
    state, values = seed, []
    for _ in range(length):
        total = 0
        for _ in range(4):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            total += (state >> 33) / 2**31
        values.append(round(total - 2, 2))
    return numpy.array(values)


def pairs():
    for length, segment in [(72, 16), (144, 32), (288, 64), (300, 32), (1024, 32)]:
        shared, one, other = noise(length, length), noise(length + 1, length), noise(length + 2, length)
        wave = numpy.sin(numpy.arange(length) / 3)
        yield "apart", segment, one, other
        yield "half shared", segment, shared + one, shared + other
        yield "nearly equal, in another unit", segment, 1000 + 50 * shared, 3 - 7 * shared + 0.1 * other
        yield "late by two samples", segment, shared, numpy.roll(shared, 2) + 0.2 * one
        yield "one wave in noise", segment, wave + 0.5 * one, wave + 0.5 * other
        yield "smoothed", segment, shared, numpy.convolve(shared, [0.5, 0.3, 0.2], "same") + 0.05 * one


for name, segment, one, other in pairs():
    x, y = (numpy.round(series, 3) for series in (one, other))
    _, shares = coherence(x, y, window="hann", nperseg=segment, noverlap=segment // 2)
    line = {"name": name, "segment": segment, "x": x.tolist(), "y": y.tolist(), "coherence": shares.round(12).tolist()}
    print(json.dumps(line, separators=(",", ":")))
