"""Vision-language models behind an OpenAI-compatible chat endpoint, asked many things at once.

endpoint    what is asked, what comes back, one request
limits      requests and tokens a minute
retries     which faults are tried again, and when
budget      what may be spent: estimated, reserved, settled; a run's jobs share one
cache       replies on disk, so that nothing is paid for twice
client      all of these together
"""

from omniedit.vlm.client import Client, Unanswered
from omniedit.vlm.endpoint import Endpoint, Picture, Prompt, Reply

__all__ = ["Client", "Endpoint", "Picture", "Prompt", "Reply", "Unanswered"]
