"""Whether anything is learned about people."""

from typing import Annotated

from processors.setting_names import Env, SettingsGroup


class ProfileSettings(SettingsGroup):
    """What is known of people."""

    enabled: Annotated[bool, Env("USER_PROFILES_ENABLED")] = True
    """Learn from what people say about themselves, in the background. The thinking model takes the notes; without one,
    only plain English sentences such as "I live in Oslo" are understood."""
