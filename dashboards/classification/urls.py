"""Addresses of classification."""

from __future__ import annotations

from django.urls import URLPattern, path

from dashboards.classification import board, rules

urlpatterns: list[URLPattern] = [
    path("classification/", board.classification, name="classification"),
    path("classification/decide", board.decide, name="classification_decide"),
    path("classification/scan", board.scan, name="classification_scan"),
    path("classification/rules", rules.rules, name="classification_rules"),
    path("classification/rules/new", rules.create, name="classification_rule_new"),
    path("classification/rules/<uuid:rule_id>", rules.rule, name="classification_rule"),
    path("classification/of/<str:name>", board.namespace, name="classification_of"),
    path("classification/of/<str:name>/masks", board.masks, name="classification_masks"),
]
