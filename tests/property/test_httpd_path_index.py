"""Finding a route by its path gives what trying every route in order gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from auditor.model.source import FileSource
from auditor.surfaces.httpd.directive import Section
from auditor.surfaces.httpd.path_index import PathIndex, one_slash
from auditor.surfaces.httpd.sections import alias_length, location_matches

_PIECES = st.lists(st.sampled_from(["/", "a", "b", "//", "/a", "/ab", "."]), max_size=8).map("".join)
_PATHS = _PIECES.map(lambda text: f"/{text}")


@given(fakes=st.lists(st.one_of(_PIECES, _PATHS), max_size=12), path=_PATHS)
def test_the_first_proxypass_that_takes_a_path_is_found(fakes: list[str], path: str) -> None:
    index = PathIndex(enumerate(fakes), lambda one: None if one[1].endswith(".") else one_slash(one[1]))
    tried = next((at for at, fake in enumerate(fakes) if alias_length(path, fake)), None)
    found = next((at for at, fake in index.candidates(path) if alias_length(path, fake)), None)
    assert found == tried


@given(places=st.lists(st.one_of(_PIECES, _PATHS), max_size=12), path=_PATHS)
def test_the_first_location_that_holds_a_path_is_found(places: list[str], path: str) -> None:
    sections = [Section("Location", f'"{place}"', FileSource("httpd.conf", 1, 1)) for place in places]
    index = PathIndex(enumerate(sections), lambda one: places[one[0]])
    tried = next((at for at, one in enumerate(sections) if location_matches(one, path)), None)
    found = next((at for at, one in index.candidates(path) if location_matches(one, path)), None)
    assert found == tried
