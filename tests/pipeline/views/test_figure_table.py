import pytest

from pipeline.views.figure_table import figure_rows, pooled_note

FIGURES = {
    "ap_step": 0.81031,
    "ap_trapezoid": 0.8083,
    "within_video_auc": 0.9147,
    "within_video_count": 4,
    "macro_auc_padded": 0.9586,
    "category_count": 0,
    "length_auc": 0.5,
    "video_label_auc": 0.8,
    **dict.fromkeys(["tpr_at_fpr_0.01", "tpr_at_fpr_0.05", "tpr_at_fpr_0.1"], 0.5),
    "far_all@0.5": 0.25,
    "normal_videos": 0,
    "events": 17,
    "events_detected@0.5": 14,
    "mean_delay_frames@0.5": 3.1667,
    "mean_delay_seconds@0.5": 0.10556,
    **{f"event_f1@{iou}": iou for iou in (0.1, 0.2, 0.3, 0.4, 0.5)},
    "event_f1_within_1s": 0.0,
    "event_f1_within_5s": 1.0,
}


def test_families_share_a_row_and_each_says_what_it_is():
    rows = {name: (value, meaning) for name, value, meaning in figure_rows(FIGURES, 0.5)}
    assert rows["AUC within videos"][0] == "91.47 %"
    assert "the 4 videos" in rows["AUC within videos"][1]
    assert rows["AP by step / by trapezoid"][0] == "81.03 / 80.83 %"
    assert rows["TPR at FPR 1 / 5 / 10 %"][0] == "50.00 / 50.00 / 50.00 %"
    assert rows["event F1 at IoU 0.1 / 0.3 / 0.5"][0] == "10.00 / 30.00 / 50.00 %"
    assert rows["event F1 within 1 / 5 s"][0] == "0.00 / 100.00 %"
    assert rows["events detected, ≥ 0.5"][0] == "14 of 17"
    assert rows["delay to detection"][0] == "0.11 s (3.2 frames)"
    assert all(len(meaning) > 20 for _, meaning in rows.values())


def test_what_is_not_defined_has_no_row_and_half_a_family_a_dash():
    rows = {name: value for name, value, _ in figure_rows(FIGURES, 0.5)}
    assert rows["FAR, all videos / anomalous ones, ≥ 0.5"] == "25.00 / - %"
    for name in ("AUC by category", "FAR, normal videos, ≥ / > 0.5", "false events an hour, ≥ 0.5"):
        assert name not in rows


@pytest.mark.parametrize(
    ("length", "labels", "part"),
    [
        (0.923, 0.965, "92.3 % by taking shorter videos for anomalous, 96.5 % by perfect"),
        (0.2, 0.8, "80.0 % by taking longer videos"),
        (0.5, 0.9, "90.0 % by perfect video labels"),
    ],
)
def test_a_pooled_auc_that_tells_little_is_told(length, labels, part):
    note = pooled_note(FIGURES | {"length_auc": length, "video_label_auc": labels})
    assert part in note
    assert note.endswith("within videos it is 91.5 %")


def test_nothing_is_said_where_it_tells_much():
    assert pooled_note(FIGURES) == ""
