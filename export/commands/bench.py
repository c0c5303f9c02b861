"""``rrcanet bench``. It needs no torch, so it runs on a serving install."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Final

import click

from export.bench.capacity.knee import TooSlow, find_knee
from export.bench.capacity.report import Capacity, line
from export.bench.capacity.service import Target
from export.bench.cases import Case, Refused, Shape, Unreachable, model_case, service_case
from export.bench.floor import find_floors
from export.bench.report import BenchReport, Row
from export.bench.timing import Clients, Plan, measure, warm_up
from export.commands.options import device_option, json_option, key_option, write_json
from rrcanet.errors import AddressError
from rrcanet.http.address import Address, is_address, read_address
from service.commands.options import engine_choice, engine_option, precision_option, refuse_engine_options
from service.extras import how_to_install
from service.pretrained import DEFAULT
from service.runtime import CUDA, Device, ModelFault, Runtime
from service.runtime.runtime import load_runtime

EPILOG: Final = "Example: rrcanet bench http://localhost:8000 --size 640x512 --batch 1 --clients 8"
SIZES: Final = ((256, 256), (512, 512), (640, 512), (1280, 1024))
BATCHES: Final = (1,)
CUDA_BATCHES: Final = (1, 8, 32, 64)
MakeCase = Callable[[Shape], Case]


class SizeType(click.ParamType[tuple[int, int]]):
    """``WIDTHxHEIGHT``."""

    name = "WIDTHxHEIGHT"

    def convert(
        self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Width and height in pixels."""
        if not isinstance(value, str):
            return value
        width, _, height = value.partition("x")
        if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
            self.fail(f"{value!r} is no size, such as 640x512", param, ctx)
        return int(width), int(height)


@click.command("bench", epilog=EPILOG)
@click.argument("url", required=False)
@click.option("--model", type=click.Path(path_type=Path), help="Time a model file. [default: the shipped one]")
@click.option(
    "--size",
    "sizes",
    type=SizeType(),
    multiple=True,
    help="Frame size; may be repeated.  [default: four sizes up to 1280x1024]",
)
@click.option(
    "--batch",
    "batches",
    type=click.IntRange(1),
    multiple=True,
    help="Frames per call.  [default: 1; on CUDA 1, 8, 32, 64]",
)
@click.option(
    "--seconds", type=click.FloatRange(0, min_open=True), default=6.0, show_default=True, help="Time per case."
)
@click.option(
    "--turns", type=click.IntRange(1), default=3, show_default=True, help="Turns per case; rates are medians."
)
@click.option("--clients", type=click.IntRange(1), default=1, show_default=True, help="Concurrent calls.")
@click.option(
    "--plan", "plans", is_flag=True, help="Find the load that the service at URL takes, and the replicas for --rate."
)
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="Requests a second that --plan plans for.")
@click.option(
    "--deadline", "deadline_ms", type=click.FloatRange(0, min_open=True), help="Milliseconds of a request, for --plan."
)
@device_option
@engine_option
@precision_option
@json_option
@key_option
def bench_command(
    url: str | None,
    model: Path | None,
    sizes: tuple[tuple[int, int], ...],
    batches: tuple[int, ...],
    seconds: float,
    turns: int,
    clients: int,
    plans: bool,
    rate: float | None,
    deadline_ms: float | None,
    device: str,
    engine: str | None,
    precision: str | None,
    json_file: Path | None,
    key: str | None,
) -> None:
    """Measure frames per second and latency of the service at URL, or of a model file.

    A model file is timed from intensities to probabilities. The table compares it with the floor: the frame rate that
    the memory bandwidth and the arithmetic rate of this device allow, both measured in the same run. A service is timed
    from the request, which holds a .npy file, to the response. A query in URL is added to every request:
    'http://localhost:8000/?model=nuaa-sirst' times that model.

    With --plan, requests with one frame of the first --size arrive at random, for --seconds at each of several rates.
    The knee is the highest rate at which 99 % are answered within --deadline.

    Exit code 1: the service does not answer, the model file cannot be used, every case was refused, or no rate meets
    the deadline. The message names the cause.
    """
    _refuse_what_does_not_fit(url, model, plans)
    if plans:
        _plan(url, sizes, seconds, rate, deadline_ms, json_file, key)
        return
    plan = Plan(seconds, turns, clients)
    try:
        if url:
            report = bench_service(read_address(url), _shapes(sizes, batches or BATCHES), plan, key)
        else:
            choice = engine_choice(Device(device), engine, precision)
            runtime = load_runtime(model or DEFAULT, Device(device), choice=choice)
            report = bench_model(runtime, sizes, batches, plan)
    except (AddressError, ModelFault, Unreachable, Refused) as error:
        raise click.ClickException(str(error)) from error
    click.echo(report.text())
    if json_file is not None:
        write_json(json_file, report.as_json())
    if all(row.timing is None for row in report.rows):
        raise click.ClickException("every case was refused")


def _refuse_what_does_not_fit(url: str | None, model: Path | None, plans: bool) -> None:
    if url and model:
        raise click.UsageError("use either URL or --model")
    if url and not is_address(url):
        raise click.UsageError(f"{url!r} is no http:// or https:// address; use --model for a model file")
    if url or plans:
        refuse_engine_options()


def _plan(
    url: str | None,
    sizes: Sequence[tuple[int, int]],
    seconds: float,
    rate: float | None,
    deadline_ms: float | None,
    json_file: Path | None,
    key: str | None,
) -> None:
    if url is None or rate is None or deadline_ms is None:
        raise click.UsageError("--plan needs URL, --rate and --deadline")
    try:
        found = plan_service(url, _shapes(sizes, (1,))[0], seconds, rate, deadline_ms / 1e3, key)
    except (AddressError, Unreachable, Refused, TooSlow) as error:
        raise click.ClickException(str(error)) from error
    click.echo(found.text())
    if json_file is not None:
        write_json(json_file, found.as_json())


def plan_service(
    url: str, shape: Shape, seconds: float, rate: float, deadline_s: float, key: str | None = None
) -> Capacity:
    """Find how many servers such as the one at ``url`` answer ``rate`` requests a second within a deadline.

    Raises:
        AddressError: no request can be sent there.
        Unreachable, Refused: there is no such service, or it refuses these frames.
        TooSlow: no rate meets the deadline.
    """
    target = Target(url, shape, key)
    service_s = target.service_s()
    measure = target.measure(seconds, deadline_s, lambda load: click.echo(line(load, deadline_s), err=True))
    knee, loads = find_knee(measure, service_s, deadline_s)
    return Capacity(url, shape, rate, deadline_s, service_s, knee, tuple(loads))


def bench_service(address: Address, shapes: Sequence[Shape], plan: Plan, key: str | None = None) -> BenchReport:
    """Time requests to a service.

    Raises:
        AddressError: no request can carry the key.
        Unreachable: the service does not answer.
    """
    rows = _time(lambda shape: service_case(address, shape, key), shapes, plan)
    clients = f"{plan.clients} client(s), each sends its next request after the response to the last"
    return BenchReport(f"{address.text}, {clients}", rows, plan, no_floor="it needs the model file, with --model")


def bench_model(runtime: Runtime, sizes: Sequence[tuple[int, int]], batches: Sequence[int], plan: Plan) -> BenchReport:
    """Time a model file and compute its floor. The floor needs onnx and, on CUDA, torch; without them it is omitted."""
    shapes = _shapes(sizes, batches or (CUDA_BATCHES if runtime.provider == CUDA else BATCHES))
    rows = _time(lambda shape: model_case(runtime, shape), shapes, plan, runtime.settle)
    card = runtime.card
    ran = f"{runtime.provider}, engine {runtime.engine}, precision {runtime.precision}"
    about = f"{card.name} {card.version} ({runtime.path.name}, {card.precision}, {ran})"
    report = BenchReport(about, rows, plan)
    answered = [row for row in rows if row.timing]
    try:
        ceilings, floors = find_floors(runtime, [row.shape for row in answered])
    except ModuleNotFoundError as missing:
        return replace(report, no_floor=f"it needs {missing.name}: {how_to_install('train')}")
    found = dict(zip([row.shape for row in answered], floors, strict=True))
    return replace(report, ceilings=ceilings, rows=tuple(replace(row, floor=found.get(row.shape)) for row in rows))


def _shapes(sizes: Sequence[tuple[int, int]], batches: Sequence[int]) -> list[Shape]:
    return [
        Shape(width, height, batch)
        for (width, height), batch in product(dict.fromkeys(sizes or SIZES), dict.fromkeys(batches))
    ]


def _time(
    make: MakeCase, shapes: Sequence[Shape], plan: Plan, settle: Callable[[], None] = lambda: None
) -> tuple[Row, ...]:
    """One row per shape, in order. A shape that is refused during warm-up is not timed; ``settle`` ends a warm-up."""
    cases: dict[Shape, Case] = {}
    refused: dict[Shape, str] = {}
    with Clients(plan.clients) as clients:
        for shape in shapes:
            try:
                case = make(shape)
                warm_up(case, clients)
                settle()
                cases[shape] = case
            except Refused as reason:
                refused[shape] = str(reason)
        timings = dict(zip(cases, measure(list(cases.values()), plan, clients), strict=True))
    return tuple(Row(shape, timings.get(shape), refused.get(shape, "")) for shape in shapes)
