"""Recipes are checked key by key; what can't work is said at once, with the key and the way out."""

import pytest

from trenza.align import recipe as recipes
from trenza.errors import UsageError


def test_changes_are_read_as_yaml_into_the_recipe(recipe):
    got = recipes.load(recipe, ["steps=7", "data.0.limit=5", "learning_rate=1e-3", "start=null"])
    assert (got.steps, got.data[0].limit, got.learning_rate, got.start) == (7, 5, 1e-3, None)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("stepz=3", "unknown key 'stepz'; did you mean 'steps'?"),
        ("data.0.weigth=2", "unknown key 'data.0.weigth'; did you mean 'weight'?"),
        ("steps=none", "steps: input should be a valid integer"),
        ("steps=0", "steps: input should be greater than 0"),
        ("bridge=conv", "bridge: input should be 'linear' or 'mlp'"),
        ("data=[]", "data: "),
        ("data.3.limit=5", "the recipe has no 'data.3.limit'"),
        ("steps", "write key=value"),
        ("data.0.shuffled=1.5", "data.0.shuffled: input should be less than or equal to 1"),
    ],
)
def test_what_is_wrong_is_named(recipe, change, told):
    with pytest.raises(UsageError) as error:
        recipes.load(recipe, [change])
    assert told in str(error.value)


@pytest.mark.parametrize("text", ["steps: [", "- a list", ""])
def test_a_file_that_is_no_recipe(tmp_path, text):
    file = tmp_path / "r.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=r"r\.yaml"):
        recipes.load(file, [])
    with pytest.raises(UsageError, match="can't be read"):
        recipes.load(tmp_path / "none.yaml", [])


def test_the_recipes_of_the_repository_are_whole():
    from pathlib import Path

    files = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))
    assert files
    for file in files:
        assert recipes.load(file, []).data
