"""Snapshots as files that trainers take. Each format is one small file, named below.

FORMATS["messages"].purpose         -> "chat JSONL: OpenAI, TRL, Axolotl"
snapshots.export(engine, "3f2a", FORMATS["messages"], Path("rows.jsonl"), by=ann)
"""

from mapd.exchange.training.authors_files import AUTHORS
from mapd.exchange.training.dataset_folder import DATASETS
from mapd.exchange.training.llama_factory import ALPACA, SHAREGPT
from mapd.exchange.training.messages import MESSAGES
from mapd.exchange.training.parquet import PARQUET
from mapd.exchange.training.preference import PREFERENCE
from mapd.exchange.training.prompt_completion import PROMPT_COMPLETION
from mapd.exchange.training.table import CSV

_ALL = (MESSAGES, PROMPT_COMPLETION, PREFERENCE, DATASETS, PARQUET, ALPACA, SHAREGPT, CSV, AUTHORS)
FORMATS = {format_.name: format_ for format_ in _ALL}
