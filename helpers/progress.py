"""How does a step that runs in a notebook's kernel show its progress in the terminal?"""

import os

from tqdm import tqdm

TERMINAL = "STREETSIDE_TERMINAL"  # the terminal that started the run, set by the pipeline


def bar(iterable=None, **options) -> tqdm:
    """A tqdm bar: on the run's terminal if there is one, else where tqdm puts it.

    Under the pipeline and nbval TQDM_DISABLE keeps bars out of the notebooks' outputs.
    """
    terminal = os.environ.get(TERMINAL)
    if terminal:
        try:
            options |= {"file": open(terminal, "w"), "disable": False, "leave": False}
        except OSError:
            pass
    return tqdm(iterable, **options)
