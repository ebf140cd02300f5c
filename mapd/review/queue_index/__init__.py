"""The queue index: where each mistake is in each queue at every threshold, kept where SQL can order and count it.

    queue            mistakes in an order, for a purpose: `QUEUES["disagree"]` (../queues.py)
    queue index      the tables `standing`, `band`, `queued`, `passed`: what the rules say of each question
    band             a stretch of thresholds, in hundredths, over which a queue stays the same: 250 up to 400
    queue position   a mistake's place within a band: rank, mistake, the text at which it is entered
    queue cursor     where a person is in a queue, and what comes next
    dirty question   a question whose rows have changed since its positions were derived (table `stale`)

`bands.py` finds the positions by the rules, pure; `rows.py` says what is known of each text. `derivation.py` writes
them, `store/queue_index.py` reads them, and `cursor.py` walks along them.
"""
