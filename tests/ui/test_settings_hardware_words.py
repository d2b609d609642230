"""What the hardware section says of a speed that is foretold."""

from app.llm.trials import Speed
from app.ui.settings import hardware_words


def test_a_rough_speed_says_so() -> None:
    (pair,) = hardware_words.speed(Speed(100.0, 10.0, is_rough=True))
    assert "busy" in pair.remark
    (pair,) = hardware_words.speed(Speed(100.0, 10.0))
    assert "busy" not in pair.remark


def test_a_speed_that_is_not_known_is_left_out() -> None:
    assert hardware_words.speed(Speed()) == []
