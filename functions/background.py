"""What happens later: the tasks on the queue, and the purge of flows that have expired."""

from datetime import timedelta

import azure.functions as func

from association.consent import look_for_access
from association.outbox import deliver
from association.rows import TaskKind
from association.settle import settle_claim
from functions.services import read_task, services

bp = func.Blueprint()
DO = {TaskKind.MAIL: deliver, TaskKind.ACCESS: look_for_access, TaskKind.CLAIMS: settle_claim}
PURGED_AT_ONCE = 1000


@bp.function_name("background_task")
@bp.queue_trigger("message", queue_name="tasks", connection="AzureWebJobsStorage")
async def do_task(message: func.QueueMessage) -> None:
    """Look at the rows that the message names, and do what is still due."""
    task = read_task(message.get_body().decode())
    await DO[task.kind](services().ports, task)


@bp.function_name("background_purge")
@bp.timer_trigger("timer", schedule="0 20 3 * * *", run_on_startup=False)
async def purge(timer: func.TimerRequest) -> None:
    """Delete the flows that have expired: Table Storage forgets nothing by itself."""
    ports = services().ports
    await ports.flows.purge(ports.now() - timedelta(days=1), PURGED_AT_ONCE)
