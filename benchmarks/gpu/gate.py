"""Whether CUDA runs every node of both model files, and answers as PyTorch does.

python3 -m benchmarks.gpu.gate --fp32 fp32.onnx --fp16 fp16.onnx --json gate.json
"""

import json
from pathlib import Path

import click

from benchmarks.gpu.steps import WEIGHTS
from export.commands.verify import print_comparisons
from export.onnx.cuda_check import check_cuda
from export.onnx.graph import PRECISIONS
from export.onnx.verify import agree, verify
from model.network.checkpoint import load_checkpoint
from service.runtime import Device, Runtime


@click.command()
@click.option("--fp32", type=click.Path(exists=True, path_type=Path), required=True, help="CHECKPOINT, exported.")
@click.option("--fp16", type=click.Path(exists=True, path_type=Path), required=True, help="The same in float16.")
@click.option("--checkpoint", type=click.Path(exists=True, path_type=Path), default=WEIGHTS)
@click.option("--device", type=click.Choice(["cuda", "cpu"]), default="cuda", show_default=True)
@click.option("--json", "json_file", type=click.Path(path_type=Path))
def main(fp32: Path, fp16: Path, checkpoint: Path, device: str, json_file: Path | None) -> None:
    """Print the gate that each file passed, and the comparisons of `rrcanet verify`; a file that fails is an error."""
    found = {}
    for precision, path in zip(PRECISIONS, (fp32, fp16), strict=True):
        gate = check_cuda(path)
        runtime = Runtime(path, Device(device))
        click.echo(f"{path.name}: {runtime.provider}, gate passed: {gate}")
        comparisons = verify(runtime, load_checkpoint(checkpoint))
        print_comparisons(comparisons, precision)
        found[precision] = {"provider": runtime.provider, "gate": gate, "agrees": agree(comparisons, precision)}
    if json_file is not None:
        json_file.write_text(json.dumps(found, indent=1) + "\n")
    if not all(one["agrees"] for one in found.values()):
        raise click.ClickException("a file does not answer as PyTorch does")


if __name__ == "__main__":
    main()
