"""Axes: where a value lies between the ends of a chart, and the ticks that a person expects there."""
import math


class Linear:
    """`unit`: what ticks are to be round in, such as 1024 for kilobytes."""
    def __init__(self, low, high, wanted=5, unit=1):
        step = nice_step(((high - low) / wanted or abs(high) or 1) / unit) * unit
        self.low = math.floor(low / step + 1e-9) * step
        self.high = max(math.ceil(high / step - 1e-9) * step, self.low + step)
        self.ticks = [self.low + step * at for at in range(round((self.high - self.low) / step) + 1)]

    def percent(self, value):
        return 100 * (value - self.low) / (self.high - self.low)


DECADES = [10.0 ** power for power in range(-6, 19)]
SIZES = [float(1024 ** power * digit) for power in range(5) for digit in (1, 10, 100)]  # 1 B, 10 B, 100 B, 1 KB ...


class Log:
    """From one of the steps to another; `exact`: from the lowest value to the highest."""
    def __init__(self, low, high, steps=None, exact=False):
        steps = steps or DECADES
        self.low = low if exact else max(step for step in steps if step <= low * 1.0001)
        self.high = high if exact else min(step for step in steps if step >= high * 0.9999 and step > self.low)
        self.ticks = [step for step in steps if self.low * 0.999 <= step <= self.high * 1.001]

    def percent(self, value):
        return 100 * math.log(value / self.low) / math.log(self.high / self.low)


def nice_step(rough):
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)


def around(values, always=()):
    """A linear axis for ratios: what must be on it, and a little air."""
    low, high = min([*values, *always]), max([*values, *always])
    air = (high - low) * 0.04
    return Linear(low - air, high + air)
