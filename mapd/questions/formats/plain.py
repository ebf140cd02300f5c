"""The plain format: question and answer, and what else there is.

    {"question": "Ann has 3 pens and gets 4. How many now?", "answer": 7, "id": "pens-1", "split": "train",
     "family": "pens", "context": "…", "options": ["…", "…"], "note": "3 + 4 = 7"}

All but question and answer may be missing. Options may be named `choices`, as most sets of the hub name them.
"""

from mapd.questions.formats.format import Format, shape

_PARTS = "question=question,answer=answer,context=context,options={},id=id,family=family,note=note,split=split"

PLAIN = Format(
    "plain",
    None,
    (shape(_PARTS.format("options"), fields="question"), shape(_PARTS.format("choices"), fields="question choices")),
)
