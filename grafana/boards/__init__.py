"""The dashboards, in the order in which an operator opens them."""

from .database import DATABASE
from .executors import EXECUTORS
from .ingestion import INGESTION
from .itself import ITSELF
from .overview import OVERVIEW
from .resources import RESOURCES

BOARDS = (OVERVIEW, INGESTION, EXECUTORS, DATABASE, RESOURCES, ITSELF)
