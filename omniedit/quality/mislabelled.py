"""Mislabelled tasks: the instruction asks for another task, or the size of the change does not fit the task."""

import re

from omniedit.quality.change_map import ChangeMap
from omniedit.tasks import Task

_PLACE = r"(?:background|backdrop|sky|surface (?:under|below)|behind)"
_WEATHER = (
    r"(?:night|dusk|dawn|twilight|hour|sunset|sunrise|daylight|daytime|sunlight|moonlight|overcast|cloudy|fog(?:gy)?"
    r"|mist(?:y)?|rain(?:y|ing)?|snow(?:y|ing|fall)?|clouds|storm(?:y)?|weather|season|winter|autumn|spring|summer|sunny)"
)
_ART_STYLE = (
    r"(?:style|painting|sketch|drawing|watercolou?r|cartoon|anime|manga|mosaic|engraving|etching|woodcut|woodblock"
    r"|linocut|print|poster|illustration|pixel art|comic(?: book)?|fresco|pastel|impressionis[tm]|pointillis[tm]"
    r"|cubis[tm]|stained glass|origami|render(?:ing)?|sepia|collage|tapestry|halftone)"
)
_WHOLE_IMAGE = r"(?:photo|photograph|picture|image|scene|it|this|everything)"
_COLOUR = (
    r"(?:red|orange|yellow|green|turquoise|teal|blue|purple|violet|pink|brown|white|gr[ea]y|black|golden|silver"
    r"|wood(?:en)?|metal(?:lic)?|marble|stone|glass|gold|leather|plastic|velvet|denim|bronze|copper|brick|rust)"
)
_REMOVE = r"(?:remove|erase|delete|eliminate|get rid of|take away|wipe out|edit out|cut out)"

_PHRASES: tuple[tuple[Task, str], ...] = (
    (Task.OBJECT_REMOVAL, rf"\b{_REMOVE}\b|\b(?:disappear|vanish)\b|\bscene without\b"),
    (Task.OBJECT_ADDITION, r"\b(?:add|insert|include)\b|^(?:please )?(?:put|place) an? .*\b(?:in|into|on|at|near)\b"),
    (
        Task.OBJECT_SWAP,
        r"\b(?:replace|swap|exchange|substitute)\b|\binstead of the\b|\bin place of\b|^change the .* into",
    ),
    (
        Task.ATTRIBUTE_MODIFICATION,
        rf"\b(?:make|turn|paint|dye|recolou?r|colou?r|material|made of|look like) .*{_COLOUR}\b",
    ),
    (Task.ATTRIBUTE_MODIFICATION, r"\b(?:recolou?r|the (?:colou?r|material|surface) of)\b"),
    (Task.BACKGROUND_SWAP, rf"\b{_PLACE}\b|\b(?:in front of|against|over the landscape|keep)\b"),
    (
        Task.ENVIRONMENT_CHANGE,
        rf"\b{_WEATHER}\b|\b(?:relight|light(?:ing)?|time of day|scene to|eclipse|northern lights)\b",
    ),
    (
        Task.STYLE_TRANSFER,
        rf"\b{_ART_STYLE}\b|\b(?:restyle|redraw|render)\b|\b{_WHOLE_IMAGE} (?:in)?to an? |\b(?:look like|as) an? ",
    ),
)
"""Task -> phrases that may ask for it. An instruction may match several tasks; it then fits each of them."""
_SHARED_VERBS = (({Task.OBJECT_SWAP}, {Task.ATTRIBUTE_MODIFICATION}), ({Task.OBJECT_SWAP}, {Task.BACKGROUND_SWAP}))
"""Tasks whose instructions share verbs: 'change the car into a red one' may be a swap and a modification."""
MAX_LOCAL_SHARE = 0.9
"""Maximum share of the blocks that an edit of one object changes, in the whole image or along the border."""
MIN_GLOBAL_SHARE = 0.2
"""Minimum share of the blocks that a change of the whole image changes."""
_OBJECT_TASKS = (Task.OBJECT_SWAP, Task.OBJECT_REMOVAL, Task.OBJECT_ADDITION, Task.ATTRIBUTE_MODIFICATION)
_GLOBAL_TASKS = (Task.ENVIRONMENT_CHANGE, Task.STYLE_TRANSFER)


def find_tasks(instruction: str) -> frozenset[Task]:
    """Return the tasks that an instruction may ask for; none if it matches no phrase."""
    plain = " ".join(instruction.lower().split())
    return frozenset(task for task, pattern in _PHRASES if re.search(pattern, plain))


def doubt_label(task: Task, instruction: str, change: ChangeMap) -> str:
    """Return why a pair's task looks wrong; '' if it looks right, or if no phrase is known for the task."""
    if task not in dict(_PHRASES):
        return ""
    return _doubt_instruction(task, instruction) or _doubt_change(task, change)


def _doubt_instruction(task: Task, instruction: str) -> str:
    requested = find_tasks(instruction)
    related = any(requested & first and task in second for first, second in _SHARED_VERBS)
    if not requested or task in requested or related:
        return ""
    return f"the instruction asks for {' or '.join(sorted(other.replace('_', ' ') for other in requested))}"


def _doubt_change(task: Task, change: ChangeMap) -> str:
    if task in _OBJECT_TASKS and min(change.share, change.border_share) > MAX_LOCAL_SHARE:
        return f"an edit of one object changed {change.share:.0%} of the image"
    if task in _GLOBAL_TASKS and change.share < MIN_GLOBAL_SHARE:
        return f"a change of the whole image changed {change.share:.0%} of it"
    return ""
