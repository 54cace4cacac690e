"""What Syncline talks to: typed sources and targets from one YAML file."""

from syncline.registry.load import load_registry, registry_path
from syncline.registry.models import FileRules, Registry, Source, Target

__all__ = ["FileRules", "Registry", "Source", "Target", "load_registry", "registry_path"]
