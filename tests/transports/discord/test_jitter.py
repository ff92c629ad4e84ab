from hypothesis import given
from hypothesis import strategies as st

from transports.discord.jitter import JitterBuffer, Lost, Packet, Released


def packet(sequence: int) -> Packet:
    return Packet(sequence & 0xFFFF, str(sequence).encode(), 0)


def feed(buffer: JitterBuffer, sequences: list[int], step_s: float = 0.02) -> list[Released]:
    """Push packets `step_s` apart."""
    out: list[Released] = []
    for i, sequence in enumerate(sequences):
        out += buffer.push(packet(sequence), i * step_s)
    return out


def numbers(released: list[Released]) -> list[int]:
    return [item.sequence for item in released if isinstance(item, Packet)]


def test_packets_in_order_leave_at_once():
    buffer = JitterBuffer()
    for sequence in (65534, 65535, 0, 1):
        assert buffer.push(packet(sequence), 0.0) == [packet(sequence)]
    assert buffer.deadline_s is None


def test_a_late_packet_is_put_back_in_its_place():
    assert numbers(feed(JitterBuffer(), [1, 3, 2, 4])) == [1, 2, 3, 4]


def test_a_hole_is_given_up_when_its_time_is_over():
    buffer = JitterBuffer(hold_s=0.06)
    feed(buffer, [1, 3])
    assert buffer.deadline_s == 0.02 + 0.06
    assert buffer.poll(0.079) == []
    assert buffer.poll(0.08) == [Lost(2, b"3", 0), packet(3)]
    assert buffer.stats.lost == 1


def test_a_hole_is_given_up_when_four_packets_wait_behind_it():
    buffer = JitterBuffer(hold_s=10, hold_packets=4)
    assert numbers(feed(buffer, [1, 3, 4, 5], 0.001)) == [1]
    assert numbers(buffer.push(packet(6), 0.01)) == [3, 4, 5, 6]


def test_only_the_last_of_several_lost_frames_can_be_recovered_from_the_next_packet():
    buffer = JitterBuffer()
    feed(buffer, [1, 4])
    assert buffer.poll(1.0) == [Lost(2, None, 0), Lost(3, b"4", 0), packet(4)]


def test_duplicates_and_latecomers_are_counted_and_ignored():
    buffer = JitterBuffer()
    assert numbers(feed(buffer, [1, 2, 2, 1, 3])) == [1, 2, 3]
    assert buffer.stats.late == 2


def test_a_sender_that_starts_over_is_followed_without_inventing_frames():
    buffer = JitterBuffer()
    assert feed(buffer, [1, 2, 40000, 40001]) == [packet(s) for s in (1, 2, 40000, 40001)]
    assert buffer.stats.restarts == 1


@given(st.data())
def test_reordering_within_the_window_loses_nothing(data):
    count = data.draw(st.integers(1, 60))
    # every packet is delayed by less than three packets' time
    delays = data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    order = sorted(range(count), key=lambda i: (i + (delays[i] if i else 0), i))
    buffer = JitterBuffer()
    out = feed(buffer, order)
    assert numbers(out) == list(range(count))
    assert buffer.stats.lost == buffer.stats.late == 0


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.floats(0, 0.1)), max_size=80))
def test_whatever_comes_it_leaves_in_order_once_and_in_time(arrivals):
    buffer, now_s, out = JitterBuffer(), 0.0, []
    for sequence, wait_s in arrivals:
        now_s += wait_s
        out += buffer.poll(now_s)
        out += buffer.push(packet(sequence), now_s)
        assert buffer.deadline_s is None or buffer.deadline_s > now_s
        assert len(buffer._held) < buffer.hold_packets
    out += buffer.poll(now_s + 1) + buffer.poll(now_s + 2) + buffer.poll(now_s + 3) + buffer.poll(now_s + 4)
    assert buffer.deadline_s is None
    assert len(numbers(out)) + buffer.stats.late == len(arrivals)
