from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "governance.people"
    label = "people"
    verbose_name = "Tenants, members, agents and credentials: how they are managed"

    def ready(self) -> None:
        from governance.people import receivers  # noqa: F401, PLC0415  # listens to sign-ins
        from governance.people.acts import record_denial  # noqa: PLC0415
        from stateward.web.drf.refusals import record_refusals_with  # noqa: PLC0415

        record_refusals_with(record_denial)
