"""Do measured numbers come out again as they were recorded?"""

from .. import metrics

TOLERANCE = 0.005  # relative; other processors order sums otherwise, which moves metrics by 1e-4


def compare(found: dict, recorded: dict) -> tuple[list[str], bool]:
    """Lines that lay two {"data": .., "metrics": ..} beside each other, and whether all agree.

    Every metric of every recorded model must be there and within TOLERANCE of the recorded value,
    and as many photos must have been measured. Intervals are not compared.
    """
    lines, agree = [], found["data"]["photos"] == recorded["data"]["photos"]
    lines.append(f"photos: {found['data']['photos']}, recorded {recorded['data']['photos']}")
    for model, values in recorded["metrics"].items():
        for name in metrics.METRICS:
            old, new = values[name], found["metrics"].get(model, {}).get(name)
            if old is None and new is None:
                continue
            same = None not in (old, new) and abs(new - old) <= TOLERANCE * abs(old)
            agree &= same
            if not same:
                lines.append(f"{model} {name}: {new}, recorded {old}")
    verdict = "PASS" if agree else "FAIL"
    lines.append(f"{verdict}: within {TOLERANCE:.1%} of the recorded numbers")
    return lines, agree
