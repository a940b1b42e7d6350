"""What happens later: the tasks on the queue, and the nightly purge of what has expired."""

from collections.abc import Awaitable, Callable

import azure.functions as func

from association.ports import Ports
from association.rows import Task, TaskKind
from functions.services import read_task, services

bp = func.Blueprint()


@bp.function_name("background_task")
@bp.queue_trigger("message", queue_name="tasks", connection="AzureWebJobsStorage")
async def do_task(message: func.QueueMessage) -> None:
    """Look at the rows that the message names, and do what is still due."""
    task = read_task(message.get_body().decode())
    await _verb(task.kind)(services().ports, task)


@bp.function_name("background_purge")
@bp.timer_trigger("timer", schedule="0 20 3 * * *", run_on_startup=False)
async def purge_expired(timer: func.TimerRequest) -> None:
    """Delete what has expired: Table Storage forgets nothing by itself."""
    from association.purge import purge

    await purge(services().ports)


def _verb(kind: TaskKind) -> Callable[[Ports, Task], Awaitable[object]]:
    from association.access import look_for_access
    from association.new_link import send_new_link
    from association.news import tell_news
    from association.outbox import deliver
    from association.roles import look_for_grant
    from association.settle import settle_claim

    return {
        TaskKind.MAIL: deliver,
        TaskKind.ACCESS: look_for_access,
        TaskKind.APPLICATION: look_for_grant,
        TaskKind.NEWS: tell_news,
        TaskKind.CLAIMS: settle_claim,
        TaskKind.NEW_LINK: send_new_link,
    }[kind]
