"""A file for each family of recipes: every :class:`PaperRecipe` of a file here can be run."""
