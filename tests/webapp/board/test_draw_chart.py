"""The chart's geometry: labels never touch, the frontier is the frontier."""

from hypothesis import given
from hypothesis import strategies as st

from webapp.board.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Point,
    accuracy_bounds,
    draw_interval,
    draw_scatter,
    find_frontier,
)
from webapp.board.statistics import Interval

rates = st.floats(0, 1)
points = st.lists(
    st.builds(
        lambda tokens, low, point, high, label: Point(
            0, label, tokens, sorted((low, point, high))[1], Interval(*sorted((low, point, high))[::2])
        ),
        st.floats(0, 5e7),
        rates,
        rates,
        rates,
        st.text("abcdefgh 0123456789", min_size=1, max_size=16),
    ),
    max_size=25,
).map(lambda many: [point._replace(id=place) for place, point in enumerate(many)])


def boxes_of(drawing):
    for label in drawing.labels:
        width = 6.2 * len(label.text)  # widest usual letter of the page's 11 px
        left = label.x - {"start": 0, "middle": width / 2, "end": width}[label.anchor]
        yield left, label.y - 9, left + width, label.y + 3


@given(points)
def test_labels_touch_no_other_label_and_stay_in_the_drawing(some):
    drawing = draw_scatter(some)

    boxes = list(boxes_of(drawing))
    for place, (left, top, right, bottom) in enumerate(boxes):
        assert left >= 0
        assert right <= WIDTH
        assert 0 <= top < bottom <= HEIGHT
        for other in boxes[:place]:
            assert left >= other[2] or other[0] >= right or top >= other[3] or other[1] >= bottom


@given(points)
def test_every_recipe_has_its_dot_inside_the_frame(some):
    drawing = draw_scatter(some)

    assert [dot.id for dot in drawing.dots] == [point.id for point in some]
    assert all(LEFT <= dot.x <= RIGHT and TOP <= dot.high_y <= dot.y <= dot.low_y <= BOTTOM for dot in drawing.dots)


@given(points)
def test_no_recipe_beats_one_on_the_frontier(some):
    front = find_frontier(some)

    for best in front:
        assert not any(
            point.tokens <= best.tokens
            and point.accuracy >= best.accuracy
            and (point.tokens, point.accuracy) != (best.tokens, best.accuracy)
            for point in some
        )
    assert bool(front) == bool(some)


def test_a_provisional_recipe_is_drawn_but_not_on_the_frontier():
    ranked = Point(1, "SC", 100, 0.5, Interval(0.4, 0.6))
    provisional = Point(2, "PDR", 50, 0.9, Interval(0.5, 1.0), is_ranked=False)

    drawing = draw_scatter([ranked, provisional])

    assert [dot.is_front for dot in drawing.dots] == [True, False]


@given(st.lists(st.tuples(rates, rates).map(lambda pair: Interval(*sorted(pair))), min_size=1, max_size=9))
def test_all_intervals_fit_between_the_bounds(intervals):
    low, high = bounds = accuracy_bounds(intervals)

    assert 0 <= low < high <= 100
    assert low % 5 == high % 5 == 0
    for interval in intervals:
        drawing = draw_interval(interval.low, interval, bounds)
        assert 0 <= drawing.low <= drawing.high <= 132
