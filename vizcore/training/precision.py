"""How exactly a training reckons: half of the digits are enough for a step that the next one corrects."""

import torch


def quick(device: torch.device) -> torch.autocast:
    """Convolutions and products in bfloat16 within this block, where the device multiplies it in hardware.

    A processor with AMX takes a third of the time so for a step of the twins (440 -> 150 ms, one thread).
    """
    hardware = device.type != "cpu" or torch.cpu.get_capabilities().get("amx_bf16", False)
    return torch.autocast(device.type, torch.bfloat16, enabled=hardware)
