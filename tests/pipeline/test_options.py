from pathlib import Path

import pytest
import tyro

from pipeline.options import (
    Location,
    ReadOptions,
    require_positive,
    require_sane,
    require_share,
)


def test_a_location_is_a_path_or_a_url_that_fsspec_knows(capsys):
    assert tyro.cli(Location, args=["a/b"]) == Path("a/b")
    assert str(tyro.cli(Location, args=["memory://bucket/a"])) == "memory://bucket/a"
    with pytest.raises(ConnectionError, match="nosuch"):
        tyro.cli(Location, args=["nosuch://bucket/a"])


def test_numbers_out_of_range_are_named_as_their_options():
    require_positive(batch=None, videos_per_shard=1)
    with pytest.raises(ValueError, match="--videos-per-shard has to be above 0, got 0"):
        require_positive(videos_per_shard=0)
    require_share(recall=None, release=1.0)
    with pytest.raises(ValueError, match=r"--recall has to be from 0 to 1, got 1\.5"):
        require_share(recall=1.5)
    require_sane(ReadOptions(), videos_per_part=1)
    with pytest.raises(ValueError, match="--decoder-memory has to be above 0, got -1"):
        require_sane(ReadOptions(decoder_memory=-1))
