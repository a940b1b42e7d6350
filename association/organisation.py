"""What the signed-in or bound organisation is called, for people."""

from association.facts import AcceptedBy, Record


def organisation(record: Record) -> str:
    """Microsoft's name of it once bound; before that the domain of the account.

    A guest's address is of their home, so for a guest it is the recorded domain if the tenant was accepted by
    it, and the tenant id otherwise (rule S4: nobody may consent for another organisation than the one named).
    """
    facts = record.facts
    bound = record.bindings.get(facts.generation)
    if bound and bound.organisation:
        return bound.organisation
    if facts.is_guest:
        by_domain = facts.accepted_by is AcceptedBy.DOMAIN
        recorded = _domain(record.person(facts.administrator).email)
        return recorded if by_domain and recorded else facts.tenant_id
    return _domain(record.person(facts.account).username) or facts.tenant_id


def _domain(address: str) -> str:
    return address.rpartition("@")[2]
