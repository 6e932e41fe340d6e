"""What the journal's owner takes for an output of its own."""

from streamguard.config import Limits
from streamguard.stream.journal import AdmissionJournal


def test_a_request_counts_as_admits_output_only_when_admit_placed_it() -> None:
    journal = AdmissionJournal("nowhere", "journal", "requests", Limits(), lambda: 4)

    assert journal.void("requests", 0, 5, {"src": b"requests/1/2/3", "of": b"requests"})
    assert not journal.void("requests", 0, 5, {"src": b"requests/1/2/3", "of": b"requests", "placed": b"1"})


def test_outputs_of_other_topics_are_not_its_business() -> None:
    journal = AdmissionJournal("nowhere", "journal", "requests", Limits(), lambda: 4)

    assert not journal.void("admitted", 0, 5, {})
    assert not journal.void("journal", 0, 5, {})  # of a partition that is not owned nothing is known
