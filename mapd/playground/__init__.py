"""Any two students answer one question side by side, token by token. Nothing of it is stored.

    asking.ask(models, ("smollm2", "smollm2-tuned"), question, Decoding(), by=ann)      in this process: the command
    AnswerProcess().ask(("smollm2", "smollm2-tuned"), question, Decoding(), by=ann)     in one of its own: the page

The prompt is the exam's own, and so is the decoding, until somebody changes it: an answer here is what an exam would
get, as far as floating point goes (a batch may let two tokens that tie fall the other way).
"""
