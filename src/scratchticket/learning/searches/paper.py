"""The paper's search: edge-popup scores under SGD (Fu et al., 2021; Ramanujan et al., 2020)."""

from scratchticket.learning.searches.named import NamedSearch

PAPER = NamedSearch()
