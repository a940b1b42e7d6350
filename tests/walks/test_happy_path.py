"""The main job: from the association e-mail to the add-in file."""

from tests.walks.people import Person
from tests.walks.world import World


def test_an_administrator_walks_from_the_mail_to_the_file(world: World) -> None:
    customer = world.customer("menuiserie-lambert")
    order = world.orders(customer)
    person = Person(world, customer.account)

    page = person.opens(world.link(order))
    assert page.url == f"{world.host}/a/{order['reference']}"
    assert "Menuiserie Lambert SARL" in page.words
    assert "Alpes Gestion Conseil" in page.words

    page = person.signs_in(page)
    assert "Autorisez Sage Business Center" in page.words
    assert "menuiserie-lambert.example" in page.words

    page = person.consents(page)
    assert "est associé à Sage" in page.words

    file = person.browser.open(f"{page.url}/sage-contact.xml")
    assert file.status == 200
    assert file.headers["content-disposition"].startswith('attachment; filename="sage-contact.xml"')
    assert world.tenant(customer.tenant)["tenant_id"].encode() in file.body

    found = world.support(order_number=order["order_number"])
    assert (found["step"], found["cause"], found["who"]) == ("done", "", "nobody")
    assert found["tenant_id"] == world.tenant(customer.tenant)["tenant_id"]

    confirmation = world.mail(order["administrator_email"], "associé")
    share = next(link for link in confirmation["links"] if "/addin?k=" in link)
    user = Person(world, "")
    guide = user.opens(share)
    assert guide.url == f"{world.host}/addin/guide?of={order['reference']}"
    shared = f"{world.host}/addin/sage-contact.xml?of={order['reference']}"
    assert user.browser.open(shared).body == file.body
