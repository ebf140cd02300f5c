"""StrategyQA: yes or no, with the facts that decide it.

    {"qid": "4fd64bb6ce5b78ab20b6", "term": "Mail", "description": "system for transporting documents …",
     "question": "Is Mixed martial arts totally original from Roman Colosseum games?", "answer": false,
     "facts": ["Mixed Martial arts in the UFC takes place in an enclosed structure …"],
     "decomposition": ["Where is …?"], "evidence": [[[["Mixed martial arts-1"]]], …]}

On the hub the facts are one text in some copies. The benchmark asks the question alone, so that term, description and
how annotators took it apart are left out.
"""

from mapd.answers.grading import Task
from mapd.questions.formats.format import Format, shape, shares_of

STRATEGYQA = Format(
    "strategyqa",
    Task.BOOLEAN,
    (shape("question=question,answer=answer,id=qid,note=facts", fields="qid question"),),
    shares=shares_of(1603, 0, 687),
    left_out=("term", "description", "decomposition", "evidence"),
)
