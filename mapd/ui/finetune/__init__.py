"""The parts of the finetune page."""
