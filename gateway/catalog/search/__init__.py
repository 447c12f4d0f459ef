"""Finding actions by a goal in plain words. Loads numpy and a stemmer: import it only where a search begins."""

from gateway.catalog.search.index import ActionIndex, Hit
from gateway.catalog.search.needs import Need
from gateway.catalog.search.path import Step, plan
from gateway.catalog.search.words import MAX_GOAL

__all__ = ["MAX_GOAL", "ActionIndex", "Hit", "Need", "Step", "plan"]
