import unittest

from runner.group import GroupState, Violation, end_offset


def state_after(*lines: str) -> GroupState:
    state = GroupState()
    for line in lines:
        state.apply(line)
    return state


class GroupStateTest(unittest.TestCase):
    def refuses(self, *lines: str) -> None:
        state = state_after(*lines[:-1])
        with self.assertRaises(Violation):
            state.apply(lines[-1])

    def test_hands_a_partition_over_at_the_committed_offset(self):
        state = state_after(
            "A assign 0",
            "A read 0 0 10",
            "A commit 0 10",
            "A revoke 0",
            "B assign 0",
            "B read 0 10 12",
        )
        self.assertEqual(0, state.duplicates)
        self.assertEqual(12, state.read)

    def test_allows_what_was_not_committed_to_be_read_again(self):
        state = state_after(
            "A assign 0", "A read 0 0 10", "A revoke 0", "B assign 0", "B read 0 0 12"
        )
        self.assertEqual(10, state.duplicates)

    def test_refuses_a_lost_record(self):
        self.refuses("A assign 0", "A read 0 1 10")
        self.refuses("A assign 0", "A read 0 0 10", "A read 0 11 12")

    def test_refuses_a_committed_record_that_is_read_again(self):
        self.refuses(
            "A assign 0",
            "A read 0 0 10",
            "A commit 0 10",
            "A revoke 0",
            "B assign 0",
            "B read 0 9 12",
        )
        self.refuses("A assign 0", "A read 0 0 10", "A read 0 9 12")

    def test_refuses_two_owners(self):
        self.refuses("A assign 0", "B assign 0")

    def test_refuses_acts_of_a_member_that_does_not_own_the_partition(self):
        self.refuses("A assign 0", "B read 0 0 1")
        self.refuses("A assign 0", "A read 0 0 1", "A revoke 0", "A commit 0 1")

    def test_refuses_a_commit_of_what_was_not_read(self):
        self.refuses("A assign 0", "A read 0 0 10", "A commit 0 11")

    def test_forgets_a_member_that_was_killed(self):
        state = state_after("A assign 0", "A read 0 0 10")
        state.forget("A")
        state.apply("B assign 0")
        state.apply("B read 0 10 11")

    def test_checks_the_ends(self):
        state = state_after("A end 0 3 3", "A end 1 3 3", "A end 2 2 2", "A end 3 2 2")
        state.check_ends(10)
        for count in (9, 11):
            with self.assertRaises(Violation):
                state.check_ends(count)

    def test_spreads_records_over_partitions(self):
        self.assertEqual([3, 3, 2, 2], [end_offset(partition, 10) for partition in range(4)])


if __name__ == "__main__":
    unittest.main()
