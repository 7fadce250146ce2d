"""The words for what goes wrong between us and an iLO, each with its cause and what to do. Pure.

``base`` is the iLO's address as the inventory has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auditor.errors import CollectError
from auditor.model.snapshot import Cause
from auditor.model.target import IloEndpoint
from auditor.surfaces.ilo.answers import Answer, listed

if TYPE_CHECKING:
    from auditor.surfaces.ilo.pins import Pin
    from auditor.surfaces.ilo.trust import Certificate

LOAD: Final = "Look at the iLO's load and the network, then run it again."
LOOK: Final = "Look at the iLO itself, whether it works as it should."
_LATE: Final = ("timed out", "unreachable")
_REFUSED: Final = (400, 401, 403)
_NOT_THE_ACCOUNT: Final = ("PasswordChangeRequired", "LicenseKeyRequired", "NoValidSession")


def named(base: str, uri: str) -> str:
    """A resource, with the iLO that it belongs to."""
    return f"{base.rstrip('/')}{uri}"


def no_session(endpoint: IloEndpoint, answer: Answer, has_token: bool) -> CollectError:
    """The log-in gave no session that could be used."""
    if answer.says("PasswordChangeRequired"):
        why, do = "the iLO asks for another password first", "Change it in the iLO's web interface."
    elif answer.ok and not has_token:
        return CollectError(f"{endpoint.url}: the log-in's answer holds no token. Not read.", cause="malformed")
    elif answer.status in (404, 405) or 300 <= answer.status < 400 or answer.says("NoValidSession"):
        told = f"it opens no session where its service root says (status {answer.status}{listed(answer.messages)})"
        return CollectError(f"{endpoint.url}: {told}. Not read.", cause="malformed")
    elif answer.says("LicenseKeyRequired"):
        return CollectError(
            f"{endpoint.url}: its licence lets nobody log in this way (status {answer.status}). Not read.",
            cause="refused",
        )
    elif answer.status in _REFUSED:
        why = f"the log-in was refused (status {answer.status})"
        do = (
            f"Check {endpoint.username_env} and {endpoint.password_env}; they were tried once only in the whole run, "
            "since accounts are locked and log-ins delayed."
        )
    else:
        why = f"the log-in failed (status {answer.status}{listed(answer.messages)})"
        do = "The iLO may have too many sessions: close some, or wait until they end."
    cause = "refused" if answer.status in _REFUSED or answer.ok else "unreachable"
    return CollectError(f"{endpoint.url}: {why}. Not read.", cause=cause, next_step=do)


def is_refusal(answer: Answer) -> bool:
    """Whether a log-in was refused for its name or password, so that trying them again could lock the account."""
    return answer.status in _REFUSED and not any(answer.says(one) for one in _NOT_THE_ACCOUNT)


def is_expired(answer: Answer) -> bool:
    """Whether a request was refused since the iLO does not know the session any more."""
    return answer.status == 401 and not answer.says("InsufficientPrivilege")


def session_lost(endpoint: IloEndpoint) -> CollectError:
    """The iLO ended the session, and the one after it too."""
    return CollectError(
        f"{endpoint.url}: the iLO ended the session, and the renewed one too (status 401). The rest was not read.",
        cause="refused",
        next_step="See in the iLO's event log who ends sessions, or whether it restarts; then run again.",
    )


def not_tried(endpoint: IloEndpoint, refused_by: str) -> CollectError:
    """Another machine refused these credentials in this run."""
    names = f"{endpoint.username_env} and {endpoint.password_env}"
    return CollectError(
        f"not tried to log in, since {refused_by} refused the same credentials. Not read.",
        cause="refused",
        next_step=f"Put {names} right, then run again. Where {refused_by} alone has another account, name variables of "
        "its own: username_env and password_env of its ilo in auditor.yaml.",
    )


def unsuccessful(base: str, uri: str, answer: Answer) -> CollectError:
    """A read that was answered with a status that is no success."""
    cause: Cause = "unreachable"
    told, do = f"status {answer.status}{listed(answer.messages)}", LOOK
    if answer.status in (400, 402, 403) and answer.says("LicenseKeyRequired"):
        cause, do = "licence", ""
    elif answer.status in (404, 410):
        cause, do = "absent", ""
    elif answer.status == 403 or answer.says("InsufficientPrivilege"):
        cause, do = "not permitted", f"See what the account lacks:  auditor doctor {address_of(base)}"
    elif answer.status == 401:
        cause, do = "refused", ""
    elif 300 <= answer.status < 400:
        cause, do = "unsupported", "See what stands in between: a proxy, or another address than the iLO's own."
        told += ": it sends the reader elsewhere, which is not followed"
    elif answer.status == 503:
        told, do = f"busy ({told}), also when asked again", "Run it again when the iLO has less to do."
    return CollectError(f"{named(base, uri)}: {told}", cause=cause, next_step=do)


def failed(base: str, uri: str, what: str, cause: Cause) -> CollectError:
    """A resource that was asked for and of which no answer came that could be read."""
    return CollectError(f"{named(base, uri)}: {what}", cause=cause, next_step=LOAD if cause in _LATE else LOOK)


def not_trusted(base: str, detail: str, verdict: str) -> CollectError:
    """A certificate that nothing vouches for: what it shows of itself, and what verifying it said."""
    why = f"{verdict}; {detail}" if verdict else detail
    return CollectError(
        f"cannot reach {base}: certificate not trusted ({why}). Not read.",
        cause="not trusted",
        next_step=f"Compare the fingerprint with the iLO's own, then trust it:  auditor trust {address_of(base)}\n"
        "Or give the authority that signed it: --cafile FILE, or cafile: of the host's ilo in auditor.yaml.",
    )


def changed(base: str, pin: Pin, shown: Certificate | str) -> CollectError:
    """An iLO that shows another certificate than the pinned one."""
    since = f" since {pin.since}" if pin.since else ""
    if isinstance(shown, str):
        now = f"now another is shown ({shown})"
    else:
        dates = f", valid {shown.valid_from} to {shown.valid_until}" if shown.valid_until else ""
        now = f'shown {shown.fingerprint} (issuer "{shown.issuer}"{dates})'
    return CollectError(
        f"{base}: certificate not trusted, it has changed: pinned {pin.fingerprint}{since}, {now}. Not read.",
        cause="not trusted",
        next_step="Find out who changed it: a renewed certificate, a new board, or somebody in between. Nothing was "
        "sent to it.\n"
        f"If it is right, trust the new one:  auditor trust {address_of(base)}",
    )


def address_of(base: str) -> str:
    """An iLO's address as a target: ``ilo://web1-ilo``."""
    return f"ilo://{base.removeprefix('https://').rstrip('/')}"


def reason(error: BaseException) -> str:
    """What an error says, in one line and bounded."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:200]
