"""Where Microsoft was not ready for a consent (AADSTS650051), the redirect is repeated once by itself (R2).

Microsoft is still making the application's service principal then, and the same question is answered moments
later. The second time it is for the person to wait, and a page says so.
"""

from collections.abc import Mapping

from association.answer import Answer
from association.facts import AcceptedBy, Record
from association.further_applications import find_application
from association.legs import Departure, begin_consent, is_theirs, require_same_link, require_same_sign_in
from association.ports import Ports
from association.rows import Flow, Leg
from association.sign_in import note_departure


async def ask_again(
    ports: Ports, flow: Flow, answer: Mapping[str, str], read: Record | None
) -> Departure | None:
    """Begin the consent of `flow` again where Microsoft wasn't ready; None otherwise, the second time, and
    where whoever is signed in by now may not consent.

    `answer` is the callback's query, `read` the record if the caller has it already. The new leg is bound to
    the browser by a state of its own, as any other. Raises LinkRevokedError, SessionMissingError.
    """
    if flow.is_retry or "error" not in answer:
        return None
    refusal = ports.entra.refusal(answer)
    record = read or await ports.associations.read(flow.association_id)
    if refusal.answer is not Answer.PROVISIONING or record is None:
        return None
    application = find_application(ports.settings.applications, flow.application)
    is_listed = application is not None or flow.leg is Leg.CONSENT
    facts, person = record.facts, (flow.tenant_id, flow.object_id)
    is_accepted = facts.accepted_by is not AcceptedBy.NOBODY
    if not is_listed or not is_accepted or not is_theirs(flow, facts):
        return None
    require_same_link(flow, facts)
    require_same_sign_in(flow, facts)
    departure = await begin_consent(ports, record, person, application, is_retry=True)
    await note_departure(ports, record, flow.leg, after=refusal)
    return departure
