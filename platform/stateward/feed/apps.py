from django.apps import AppConfig


class FeedConfig(AppConfig):
    name = "stateward.feed"
    label = "feed"
