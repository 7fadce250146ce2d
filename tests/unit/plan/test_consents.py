"""Steps that cannot be taken back: each needs a consent of its own, and a consent covers nothing else."""

from __future__ import annotations

import msgspec
import pytest

from auditor.errors import InputError, RefusedError
from auditor.model.plan import Cohort, NoUndo, Step
from auditor.plan.consents import check_consents, irreversible
from tests.fakes.plans import edit_step


def final(identity: str) -> Step:
    return msgspec.structs.replace(edit_step(identity), undo=NoUndo(f"{identity} is for ever"))


ONE = Cohort(("web1/ilo", "web2/ilo"), (edit_step("a"), final("b"), final("c")), ())


def test_each_step_is_consented_to_by_itself_and_all_that_lack_it_are_named() -> None:
    assert irreversible([ONE]) == (("b", "b is for ever"), ("c", "c is for ever"))
    with pytest.raises(RefusedError) as caught:
        check_consents([ONE], ())
    assert all(word in str(caught.value) for word in ("b is for ever", "c is for ever", "--consent b --consent c"))
    for given, other in (("b", "c"), ("c", "b")):
        with pytest.raises(RefusedError, match=f"step {other} cannot be taken back") as caught:
            check_consents([ONE], (given,))
        assert f"step {given} " not in str(caught.value)
    check_consents([ONE], ("b", "c"))


def test_a_consent_to_what_can_be_taken_back_or_is_not_there_is_a_mistake() -> None:
    for given in ("a", "d", "web1/ilo:b"):
        with pytest.raises(InputError, match=f"{given} is consented to"):
            check_consents([ONE], ("b", "c", given))


def test_where_machines_differ_the_same_id_is_consented_to_for_each() -> None:
    cohorts = [ONE, Cohort(("web3/ilo",), (final("b"),), ())]
    assert [name for name, _ in irreversible(cohorts)] == ["web1/ilo:b", "c", "web3/ilo:b"]
    for given in (("b", "c"), ("web1/ilo:b", "c"), ("web3/ilo:b", "c")):
        with pytest.raises(RefusedError, match="b cannot be taken back"):
            check_consents(cohorts, given)
    check_consents(cohorts, ("web1/ilo:b", "c", "web3/ilo:b"))
