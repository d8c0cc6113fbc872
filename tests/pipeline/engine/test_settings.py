from pipeline.engine.settings import stage_settings
from pipeline.options import ReadOptions


def test_options_become_flat_settings(demo_recipe):
    reading = ReadOptions(decoder="pyav", batch=8, deadline=9.0, decoder_memory=0.5, strict=True)
    settings = stage_settings(demo_recipe, "openai", reading)
    assert (settings.decoder, settings.batch, settings.strict) == ("pyav", 8, True)
    assert (settings.limits.deadline, settings.limits.memory) == (9.0, 1 << 29)
