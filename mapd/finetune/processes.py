"""Several processes at one training, one a GPU: each computes a share of every step, and the first one writes.

    accelerate launch --num_processes 4 -m mapd.cli finetune --snapshot 3f2a        four GPUs
    torchrun --nproc-per-node 2 -m mapd.cli finetune --snapshot 3f2a                two processes, also on a CPU

A launcher says to each process which one it is: RANK=1, WORLD_SIZE=4, LOCAL_RANK=1. All of them read one folder and one
database. The losses are those of one process: shares are summed, not averaged (finetune/loss.py).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as ranks


@contextmanager
def joined() -> Iterator[None]:
    """Meet the other processes, where a launcher started several."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or ranks.is_initialized():
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    ranks.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        ranks.destroy_process_group()


def is_first() -> bool:
    """Return whether this process writes: it is the only one, or the first."""
    return not ranks.is_initialized() or ranks.get_rank() == 0


def agree(answer: int) -> int:
    """Return the first process's answer, to all of them."""
    if not ranks.is_initialized():
        return answer
    answers = [answer]
    ranks.broadcast_object_list(answers)
    return answers[0]
