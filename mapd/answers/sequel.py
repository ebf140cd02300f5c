"""Cut off what a model invents behind its answer: the next question, or another turn of the talk. Pure.

    cut_sequel("#### 18\\n\\nQuestion: Tom has 3 pens …\\nAnswer: 7")  -> "#### 18"

A text may begin with its own question once more, and is read behind it.
"""

import re

from mapd.answers.places import ALPHANUMERIC, find_first_answer

_HEAD = r"^(?!\n)[ \t>*_#]{0,12}+"
_NUMBER = r"[ \t]{0,3}(?:(?:#|no\.?|number)[ ]?)?[0-9]{0,4}"
_QUESTION = re.compile(
    rf"{_HEAD}(?:(?:the[ ])?(?:next|new|another|follow[- ]?up)[ ])?"
    rf"(?:question|problem|q|human|user|instruction|student){_NUMBER}(?:[ \t*_]{{0,4}}(?:[:：.]|$)|[*_]{{1,4}}[ ])",
    re.IGNORECASE | re.MULTILINE,
)
_WEAK = re.compile(
    rf"{_HEAD}(?:(?:example|exercise|passage|context|task|input|sample|test[ ]case|puzzle|scenario|story|riddle"
    r"|frage|aufgabe|pregunta|problema|domanda|pergunta|вопрос|задача|问题|題目|题目|問題|문제|질문|câu hỏi)"
    rf"{_NUMBER}(?:[*_]{{0,3}}[ ]{{0,2}}[:：]|[*_ \t]{{0,5}}$)"
    r"|\(?[0-9]{1,3}[.)][ ]{1,9}+[^\n]{10,600}\?[*_ \t\r]{0,6}$"
    r"|(?:now|next),?[ ](?:solve|answer|consider|try)\b[^\n]{0,100}(?:question|problem)"
    r"|(?:(?:now|next),?[ ])?let['’]?s[ ](?:try|solve|do|look[ ]at)[ ](?:another|a[ ]new|the[ ]next|a[ ]similar)\b)",
    re.IGNORECASE | re.MULTILINE,
)
# A paragraph that asks something, unless the text asks itself ("Wait, is that right?").
_ASKING = re.compile(
    r"\n[ \t\r]*+\n[ \t*_>\"“]{0,9}+(?=[^\W\d_])(?!(?:wait|hmm|but|so|is|was|are|am|does|do|did|can|could|let|should"
    r"|why|how about|hold|double|what if|what about|what is this|therefore|right|correct|check|need|any"
    r"|would you|answer)\b)(?:[^\n?]{8,400}\n(?=\S)){0,4}[^\n?]{10,1500}+\?[*_ \t\r]*(?=\n)",
    re.IGNORECASE,
)
_TURN = re.compile(
    r"<\|(?:im_end|im_start|eot_id|eom_id|end_of_text|endoftext|user|system|end|return|start_header_id|end_of_turn"
    r"|endofassistant|eos)\|>|</s>|<eos>|\[INST\]|\[/INST\]|<(?:start|end)_of_turn>|<｜(?:end▁of▁sentence|User)｜>"
    r"|<\|(?:START|END)_OF_TURN_TOKEN\|>|(?<=[0-9.!?)*}])(?:user|assistant)(?=\n\n|\Z)",  # whose tokens were dropped
    re.IGNORECASE,
)
_OWN_TURN = re.compile(
    r"\s*(?:(?:<\|im_start\|>\s?assistant|<\|assistant\|>|(?:<\|start_header_id\|>)?assistant<\|end_header_id\|>"
    r"|<start_of_turn>\s?model|<｜Assistant｜>|\[/INST\]|<s>|(?:### )?(?:assistant|response)\s?:)\s*)++",
    re.IGNORECASE,
)
_OPENING = re.compile(
    r"\W*(?:sure|okay|ok|let|here|first|we|to|i|the question|given|certainly|of course|alright|solution|step)\b"
    r"|.*:\W*$",
    re.IGNORECASE,
)


def cut_sequel(text: str) -> str:
    """Return the text up to the first sign that another question or turn begins."""
    response = text
    if turn := _OWN_TURN.match(response):
        response = response[turn.end() :]
    response = _cut_at(_TURN, response)
    answer_end = find_first_answer(response)
    for heading in _QUESTION.finditer(response):
        # A text may repeat its own question in front: only behind an answer, or behind working, it is the next one.
        start = heading.start()
        if (answer_end is not None and start >= answer_end) or _is_more_than_opening(response[:start]):
            response = response[:start]
            break
    # Weaker signs ("Example:", "2. How many …?") count only behind an answer.
    if answer_end is not None:
        for pattern in (_WEAK, _ASKING):
            if sign := pattern.search(response, answer_end):
                response = response[: sign.start()]
    return response.rstrip() if response != text else text


def _cut_at(pattern: re.Pattern[str], text: str) -> str:
    # A match that nothing stands before cuts nothing off: the text would be empty.
    for match in pattern.finditer(text):
        if ALPHANUMERIC.search(text, 0, match.start()):
            return text[: match.start()]
    return text


def _is_more_than_opening(head: str) -> bool:
    """Return whether a text before a heading works at an answer, and doesn't only lead up to the question."""
    lines = [line for line in head.splitlines() if ALPHANUMERIC.search(line)]
    if len(lines) != 1 or _QUESTION.match(lines[0]):
        return len(lines) > 1
    return any(map(str.isdigit, head)) or _OPENING.match(lines[0][:200]) is None
