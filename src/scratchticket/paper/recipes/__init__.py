"""Recipes, a file for each family; every :class:`PaperRecipe` in a file here can be run."""
