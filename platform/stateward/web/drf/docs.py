"""The page that shows the published document: Swagger UI from our own static files, under the
same strict CSP as the rest.
"""

from __future__ import annotations

from django.views.generic import TemplateView


class ApiDocsView(TemplateView):
    template_name = "api_docs.html"
