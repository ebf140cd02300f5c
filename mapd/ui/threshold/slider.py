"""The slider of thresholds: its steps are those that decide something, and it says where it decides nothing.

draw_slider(exam_id, PAPER, figures.cuts)      -> 3.0, with "Between 3.00 and 3.32 no rationale …"
"""

from collections.abc import Sequence

import streamlit as st

from mapd.curation.threshold_sweep import find_idle_range, list_steps
from mapd.policies import PAPER, Policy
from mapd.ui.kit import pagination, url_state


def slider_range(base: Policy, *thresholds: float) -> tuple[float, float, float]:
    """Return lowest, highest and step of a policy's thresholds; `thresholds`: further ones that have to fit in."""
    if base.fit is not None:
        return 0.0, base.highest, 0.01
    # A saved threshold below 1 has to fit on the slider.
    return min(1.0, *(float(int(threshold)) for threshold in (base.threshold, *thresholds))), base.highest, 0.05


def draw_slider(exam_id: int, base: Policy, cuts: Sequence[int], key: str = "threshold") -> float:
    """Draw the slider of a policy's thresholds; return the threshold. Its place in the address is `key`."""
    low, high, _ = slider_range(base)
    if key != "threshold":
        url_state.settle(key, exam_id, **{key: base.threshold})
        url_state.refuse_outside(key, low, high, float, base.threshold)
    present = url_state.round_number(key, base.threshold)
    defaults = (base.threshold, present) if base.fit else (base.threshold, present, PAPER.threshold)
    ends = round(100 * low), round(100 * high)
    threshold: float = st.select_slider(
        f"Accepted if the {'mean' if base.fit is None else 'probability that it is right'} is above",
        [step / 100 for step in list_steps(cuts, *ends, {round(100 * value) for value in defaults})],
        base.threshold,
        "{:g}".format,
        key=key,
        on_change=pagination.go_to_first,
        **url_state.BOUND,
    )
    begin, end = find_idle_range(cuts, round(100 * threshold), *ends)
    # The steps are those of rationales and pairs. Of a mistake's feedback that isn't its best none makes a pair.
    idle = f"Between {begin / 100:.2f} and {end / 100:.2f} no rationale and no pair changes."
    st.caption(idle if begin < end else "Each move from here changes something.")
    return threshold
