"""The authors' SVAMP texts as a committee: a small student taught on some questions, by arms, examined on the others.

    MAPD_HOME=data/svamp-arms python -m benchmarks.authors_arms ../shared/data/authors --teach 250 --alpha 0 \\
        --arms no-review,gold-check,paper,strict --seeds 0,1,2

The texts and scores are those of GPT-3.5, Gemini and Mistral on the mistakes of Llama-2-7b-chat; the student is the
packaged SmolLM2, which made none of these mistakes itself. The questions are drawn once: `--draw` is no seed of a
training. Killed and started again it goes on. The last line is that of `mapd arms --json`.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

KINDS = ("false", "feedback", "rationale")
STUDENT = "smollm2"


def mapd(*words: str) -> dict[str, Any]:
    """Run one command; return its line of JSON."""
    command = [sys.executable, "-m", "mapd.cli", *words, "--json", "--by", "benchmark"]
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
    result: dict[str, Any] = json.loads(output)
    return result


def divide(folder: Path, teach: int, draw: int, out: Path) -> tuple[dict[str, Path], Path]:
    """Write the authors' rows that are taught, by kind, and the other questions as rows of their own."""
    files = {kind: next(folder.glob(f"*_{kind}_round0.json")) for kind in KINDS}
    rows = {kind: json.loads(path.read_text(encoding="utf-8")) for kind, path in files.items()}
    taught = set(random.Random(draw).sample(range(len(rows["false"])), teach))
    subsets = {}
    for kind, path in files.items():
        subsets[kind] = out / path.name
        subsets[kind].write_text(json.dumps([row for i, row in enumerate(rows[kind]) if i in taught]), encoding="utf-8")
    texts = {" ".join(rows["false"][place]["question"].split()) for place in taught}
    others = [row for row in rows["false"] if " ".join(row["question"].split()) not in texts]
    questions = out / "others.jsonl"
    lines = [json.dumps({"question": row["question"], "answer": row["gold_answer"]}) for row in others]
    questions.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return subsets, questions


def main() -> None:
    """Bring the texts in, examine the untaught student, and run the arms."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--teach", type=int, default=250)
    parser.add_argument("--draw", type=int, default=0)
    parser.add_argument("--arms", default="no-review,gold-check,paper,strict")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--alpha", default="0.5")
    parser.add_argument("--epochs", default="3")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as out:
        files, others = divide(options.folder, options.teach, options.draw, Path(out))
        words = ("--feedback", str(files["feedback"]), "--rationales", str(files["rationale"]))
        exam = mapd("import", "authors", *words)["exam"]
        mapd("questions", "add", "svamp-others", str(others), "--split", "dev")
    mapd("students", "add", STUDENT)
    before = mapd("exam", "run", "--student", STUDENT, "--questions", "svamp-others", "--split", "dev")["exam"]
    training = ("--alpha", options.alpha, "--epochs", options.epochs)
    compared = ("--arms", options.arms, "--seeds", options.seeds, "--against", "no-review")
    print(json.dumps(mapd("arms", "--exam", exam, "--before", before, *compared, *training)))


if __name__ == "__main__":
    main()
