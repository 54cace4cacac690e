"""Stored documents read again by the present parser, profile and mapping."""

from syncline.rereading.plan import Plan, make_plan
from syncline.rereading.reread import Landed, reread
from syncline.rereading.stored import Selection

__all__ = ["Landed", "Plan", "Selection", "make_plan", "reread"]
