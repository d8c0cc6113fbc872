import pytest

from stores.records import StoreError, VideoItem


def test_a_video_has_a_name():
    with pytest.raises(StoreError, match="video_id is empty"):
        VideoItem("", "/videos/a.mp4")
