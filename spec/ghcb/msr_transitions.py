"""Every step of a call over the GHCB MSR."""

from spec.ghcb.msr_answers import TRANSITIONS as ANSWERS
from spec.ghcb.msr_ask import TRANSITIONS as QUESTIONS
from spec.ghcb.msr_host import TRANSITIONS as HOST
from spec.ghcb.msr_setup import TRANSITIONS as SETUP

TRANSITIONS = (*QUESTIONS, *SETUP, *ANSWERS, *HOST)
