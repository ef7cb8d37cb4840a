"""What was on a street only when one of its places was taken: moving cars and people."""

import numpy as np

from .street import REACH, Street, Thing

CARS = {"side": 4, "avenue": 11, "canyon": 8, "open": 6}  # on the street, on average
PEOPLE = {"side": 9, "avenue": 20, "canyon": 20, "open": 9}
SHARES = {"car": 0.4, "taxi": 0.2, "suv": 0.16, "van": 0.12, "bus": 0.05, "truck": 0.07}


def traffic(street: Street, index: int) -> list[Thing]:
    """The vehicles and people that the four views of place number `index` of a street share."""
    rng = np.random.default_rng([*street.seed, 4, index])
    here, things = index * street.step, []

    def add(kind, x, z, heading=0.0, size=1.0):
        seed = (*street.seed, 5, index, len(things))
        things.append(Thing(str(kind), float(x), float(z), heading, float(size), seed))

    for _ in range(rng.poisson(CARS[street.style])):
        z = here + rng.choice([-1, 1]) * rng.uniform(9, 110)
        side = rng.choice([-1, 1])
        x = side * (0.9 + rng.uniform(0.2, max(0.3, street.curb - 4.4)))
        heading = 0.0 if street.one_way or side > 0 else np.pi
        kind = rng.choice(list(SHARES), p=list(SHARES.values()))
        if not any(abs(z - t.z) < 13 and abs(x - t.x) < 2.8 for t in things):
            add(kind, x, z, heading)
    for middle, half in street.crossings:
        for way in (-1, 1):
            if abs(middle - here) < REACH and rng.random() < 0.55:
                x = way * rng.uniform(street.line + 2, 70)
                kind = rng.choice(["car", "taxi", "suv", "van"])
                add(kind, x, middle + way * half * 0.35, way * np.pi / 2)
    for _ in range(rng.poisson(PEOPLE[street.style])):
        x = rng.choice([-1, 1]) * rng.uniform(street.curb + 0.5, street.line - 0.5)
        z = here + rng.normal(0, 28)
        if street.crossings and rng.random() < 0.25:
            middle, half = street.crossings[rng.integers(len(street.crossings))]
            x, z = rng.uniform(-street.curb, street.curb), middle - half - rng.uniform(0.6, 3)
        if abs(z - here) > 2.5:
            add("person", x, z, size=rng.normal(1.7, 0.09))
    return things
