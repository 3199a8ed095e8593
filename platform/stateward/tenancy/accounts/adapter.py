"""What we ask of allauth beyond its defaults: no open sign-up, links that name our own address,
redirects that stay here.
"""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from stateward.tenancy.addresses import source_address


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth ships no types
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """People come in by invitation only; the link creates the account."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address limits are counted by; behind a proxy that is not named, everybody would
        share one.
        """
        peer = request.META.get("REMOTE_ADDR") or ""
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "")
        return source_address(peer, forwarded, settings.TRUSTED_PROXIES) or "127.0.0.1"

    def is_safe_url(self, url: str | None) -> bool:
        """Only paths of our own: no host, not even our own, can be named in ``next``."""
        return url_has_allowed_host_and_scheme(url, allowed_hosts=None)

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Built from our configured address, not from the Host header, which whoever asks for the
        reset may choose.
        """
        if not settings.PUBLIC_URL:
            return str(super().get_reset_password_from_key_url(key))
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "U", "key": "K"})
        return settings.PUBLIC_URL.rstrip("/") + path.replace("U-K", key)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        context["current_site"] = {"name": "Stateward", "domain": settings.PUBLIC_URL}
        super().send_mail(template_prefix, email, context)
