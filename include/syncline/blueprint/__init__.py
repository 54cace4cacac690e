"""The blueprint of events: what is told to us and by us, from registry, rules, schemas and document tables."""

from syncline.blueprint.event import Event, Material
from syncline.blueprint.events import every_event
from syncline.blueprint.page import page

__all__ = ["Event", "Material", "every_event", "page"]
